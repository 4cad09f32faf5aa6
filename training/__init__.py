"""From captures to bundles: data sets, losses, trainer, evaluation, export, import."""
