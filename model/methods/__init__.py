"""The methods that the paper is compared with, one module each. The reference renderer evaluates all of them."""
