// Python module mlpvid_training_kernels. Arrays are passed by DLPack without copies.
#include <nanobind/nanobind.h>
#include <nanobind/stl/optional.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/vector.h>

#include <memory>
#include <optional>
#include <string>
#include <thread>

#include "arrays.h"
#include "mlpvid_training/kernels.h"
#include "version.h"

namespace mlpvid {
namespace {

#define MLPVID_FUNCTION_OF(name) &name::training_table,
TrainingTable (*const kTables[])() = {MLPVID_INSTRUCTION_SETS(MLPVID_FUNCTION_OF)};
#undef MLPVID_FUNCTION_OF

// A hash encoding's levels and MLP planes, the threads, and the kernels of the machine's instruction set.
class Engine {
 public:
    Engine(const std::vector<std::vector<double>>& levels, int features, const std::vector<int>& mlp_planes,
           int threads, const std::string& instruction_set)
        : pool_(std::make_unique<ThreadPool>(threads)), table_(kTables[choose_instruction_set(instruction_set)]()) {
        if (levels.empty() || levels.size() > kMaxLevels) refuse("levels", "must be 1 to 16");
        if (features != 2 && features != 4 && features != 8) refuse("features", "must be 2, 4 or 8");
        if (features * levels.size() > kChannels) refuse("levels", "have more than 32 features");
        if (mlp_planes.empty() || mlp_planes.size() > kPlanes) refuse("mlp_planes", "must be 1 to 3");
        levels_.count = static_cast<int>(levels.size());
        levels_.features = features;
        levels_.entries = levels_.nodes = 0;
        for (size_t i = 0; i < levels.size(); ++i) {
            const std::vector<double>& l = levels[i];
            if (l.size() != 5)
                refuse("levels", "must be rows of scale, time_scale, resolution, time_resolution, entries");
            if (!(l[2] >= 2 && l[2] <= 8192 && l[3] >= 2 && l[3] <= 8192 && l[4] >= 1 && l[4] < 4294967296.0))
                refuse("levels", "have a resolution or a number of entries out of range");
            const int resolution = static_cast<int>(l[2]), time_resolution = static_cast<int>(l[3]);
            const int64_t entries = static_cast<int64_t>(l[4]);
            const bool dense = l[2] * l[2] * l[3] <= l[4];
            const uint32 mask = dense ? 0 : static_cast<uint32>(entries - 1);
            levels_.level[i] = {{levels_.entries, resolution, mask}, l[0], l[1], time_resolution, levels_.nodes};
            levels_.entries += entries;
            levels_.nodes += static_cast<int64_t>(resolution) * resolution;
        }
        planes_.count = static_cast<int>(mlp_planes.size());
        for (size_t i = 0; i < mlp_planes.size(); ++i) {
            if (mlp_planes[i] < 0 || mlp_planes[i] >= kPlanes) refuse("mlp_planes", "must be 0, 1 or 2 each");
            planes_.plane[i] = mlp_planes[i];
        }
    }

    std::string name() const { return table_.name; }
    int64_t nodes() const { return levels_.nodes; }
    int threads() const { return pool_->threads(); }

    template <class T>
    const Kernels<T>& kernels() const {
        if constexpr (sizeof(T) == 8)
            return table_.twice;
        else
            return table_.single;
    }

    template <class T>
    void bake(const Array& tables, double time, const Array& grids) {
        const double slice = unit_time(time);
        const T* from = numbers<T>(tables, {kPlanes, levels_.entries, levels_.features}, "tables");
        T* to = numbers<T>(grids, {kPlanes, levels_.nodes, levels_.features}, "grids");
        const nb::gil_scoped_release release;
        kernels<T>().bake(*pool_, levels_, from, slice, to);
    }

    template <class T>
    void bake_backward(const Array& grids, double time, const Array& tables) {
        const double slice = unit_time(time);
        const T* from = numbers<T>(grids, {kPlanes, levels_.nodes, levels_.features}, "grids");
        T* to = numbers<T>(tables, {kPlanes, levels_.entries, levels_.features}, "tables");
        const nb::gil_scoped_release release;
        kernels<T>().bake_backward(*pool_, levels_, from, slice, to);
    }

    template <class T>
    DensityField<T> field(const Array& features, const Array& densities, const Array& grids) const {
        return {map_stack<const T>(features, kPlanes, "feature_planes"),
                map_stack<const T>(densities, planes_.count, "density_maps"),
                numbers<const T>(grids, {kPlanes, levels_.nodes, levels_.features}, "grids"), levels_, planes_};
    }

    template <class T>
    void march(const Array& features, const Array& densities, const Array& grids, const Array& points,
               const Array& offsets, double step, double min_transmittance, const Array& out_features,
               const Array& heads, const Array& raw, const Array& weights, const Array& transmittances,
               const Array& reached) {
        const int64_t samples = extent(points, 0), rays = extent(offsets, 0) - 1;
        const DensityField<T> density = field<T>(features, densities, grids);
        const Samples<T> along = {numbers<const T>(points, {-1, 3}, "points"),
                                  ray_offsets(offsets, rays, samples, "offsets"), rays};
        const MarchOutput<T> out = {numbers<T>(out_features, {samples, kChannels}, "features"),
                                    numbers<T>(heads, {samples, kChannels}, "heads"),
                                    numbers<T>(raw, {samples}, "densities"),
                                    numbers<T>(weights, {samples}, "weights"),
                                    numbers<T>(transmittances, {rays}, "transmittances"),
                                    numbers<int64_t>(reached, {rays}, "reached")};
        const nb::gil_scoped_release release;
        kernels<T>().march(*pool_, density, along, static_cast<T>(step), static_cast<T>(min_transmittance), out);
    }

    template <class T>
    int64_t list_kept(const Array& offsets, const Array& weights, double threshold, const Array& sample,
                      const Array& ray, const Array& kept_offsets) {
        const int64_t rays = extent(offsets, 0) - 1, samples = extent(weights, 0);
        const Samples<T> along = {nullptr, ray_offsets(offsets, rays, samples, "offsets"), rays};
        const T* w = numbers<const T>(weights, {samples}, "weights");
        int64_t *s = numbers<int64_t>(sample, {samples + 1}, "sample"),
                *r = numbers<int64_t>(ray, {samples + 1}, "ray");
        int64_t* o = numbers<int64_t>(kept_offsets, {rays + 1}, "kept_offsets");
        const nb::gil_scoped_release release;
        return kernels<T>().list_kept(along, w, static_cast<T>(threshold), s, r, o);
    }

    template <class T>
    ColorSamples<T> color_samples(const Array& points, const Array& features, const Array& sample, const Array& ray,
                                  const Array& view, int assignment, uint64_t seed) const {
        const int64_t count = extent(sample, 0);
        if (assignment < 0 || assignment > 2) refuse("assignment", "must be 0, 1 or 2");
        return {numbers<const T>(points, {-1, 3}, "points"),
                numbers<const T>(features, {extent(points, 0), kChannels}, "features"),
                indices(sample, count, extent(points, 0), "sample"),
                indices(ray, count, extent(view, 0), "ray"),
                numbers<const T>(view, {-1, -1}, "view"),
                count,
                static_cast<Assignment>(assignment),
                seed};
    }

    template <class T>
    void color_forward(const Array& maps, const Array& points, const Array& features, const Array& sample,
                       const Array& ray, const Array& view, int assignment, uint64_t seed, const Array& rgb) {
        const ColorSamples<T> samples = color_samples<T>(points, features, sample, ray, view, assignment, seed);
        const ColorMaps<const T> heads = color_maps<const T>(maps, planes_, static_cast<int>(extent(view, 1)));
        T* out = numbers<T>(rgb, {samples.count, 3}, "rgb");
        const nb::gil_scoped_release release;
        kernels<T>().color_forward(*pool_, heads, samples, out);
    }

    template <class T>
    void color_backward(const Array& maps, const Array& points, const Array& features, const Array& sample,
                        const Array& ray, const Array& view, int assignment, uint64_t seed, const Array& rgb_gradients,
                        const std::optional<Array>& map_gradients, const Array& feature_gradients) {
        const ColorSamples<T> samples = color_samples<T>(points, features, sample, ray, view, assignment, seed);
        const int view_channels = static_cast<int>(extent(view, 1));
        const ColorMaps<const T> heads = color_maps<const T>(maps, planes_, view_channels);
        ColorMaps<T> gradients = {};
        if (map_gradients) gradients = color_maps<T>(*map_gradients, planes_, view_channels);
        if (map_gradients && gradients.size != heads.size) refuse("map_gradients", "has another shape than expected");
        const T* from = numbers<const T>(rgb_gradients, {samples.count, 3}, "rgb_gradients");
        T* to = numbers<T>(feature_gradients, {samples.count, kChannels}, "feature_gradients");
        const nb::gil_scoped_release release;
        kernels<T>().color_backward(*pool_, heads, samples, from, gradients, to);
    }

    template <class T>
    void sum_colors(const Array& sample, const Array& kept_offsets, const Array& weights, const Array& rgb,
                    const Array& sums) {
        const int64_t rays = extent(kept_offsets, 0) - 1, count = extent(sample, 0);
        const Kept kept = {indices(sample, count, extent(weights, 0), "sample"),
                           ray_offsets(kept_offsets, rays, count, "kept_offsets")};
        const T *w = numbers<const T>(weights, {-1}, "weights"), *from = numbers<const T>(rgb, {count, 3}, "rgb");
        T* to = numbers<T>(sums, {rays, kRaySums}, "sums");
        const nb::gil_scoped_release release;
        kernels<T>().sum_colors(*pool_, rays, kept, w, from, to);
    }

    template <class T>
    double depth_penalty(const Array& offsets, const Array& raw, const Array& reached, double step, double limit) {
        const int64_t rays = extent(offsets, 0) - 1;
        const Samples<T> along = {nullptr, ray_offsets(offsets, rays, extent(raw, 0), "offsets"), rays};
        const T* densities = numbers<const T>(raw, {-1}, "densities");
        const int64_t* counts = numbers<const int64_t>(reached, {rays}, "reached");
        const nb::gil_scoped_release release;
        return kernels<T>().depth_penalty(along, densities, counts, static_cast<T>(step), static_cast<T>(limit));
    }

    template <class T>
    void composite_backward(const Array& offsets, const Array& raw, const Array& weights, const Array& transmittances,
                            const Array& reached, const Array& sample, const Array& kept_offsets, const Array& rgb,
                            const Array& sum_gradients, const Array& opacity_gradients, double step, double leak,
                            double penalty_gradient, double penalty_limit, const Array& rgb_gradients,
                            const Array& raw_gradients) {
        const int64_t rays = extent(offsets, 0) - 1, samples = extent(raw, 0), count = extent(sample, 0);
        const Samples<T> along = {nullptr, ray_offsets(offsets, rays, samples, "offsets"), rays};
        const Kept kept = {indices(sample, count, samples, "sample"),
                           ray_offsets(kept_offsets, rays, count, "kept_offsets")};
        const CompositeInput<T> in = {numbers<const T>(raw, {samples}, "densities"),
                                      numbers<const T>(weights, {samples}, "weights"),
                                      numbers<const T>(transmittances, {rays}, "transmittances"),
                                      numbers<const int64_t>(reached, {rays}, "reached"),
                                      numbers<const T>(rgb, {count, 3}, "rgb"),
                                      numbers<const T>(sum_gradients, {rays, kRaySums}, "sum_gradients"),
                                      numbers<const T>(opacity_gradients, {rays}, "opacity_gradients"),
                                      static_cast<T>(step),
                                      static_cast<T>(leak),
                                      static_cast<T>(penalty_gradient),
                                      static_cast<T>(penalty_limit)};
        T* to_rgb = numbers<T>(rgb_gradients, {count, 3}, "rgb_gradients");
        T* to_raw = numbers<T>(raw_gradients, {samples}, "density_gradients");
        const nb::gil_scoped_release release;
        kernels<T>().composite_backward(*pool_, in, along, kept, to_rgb, to_raw);
    }

    template <class T>
    void scatter(const Array& features, const Array& densities, const Array& grids, const Array& points,
                 const Array& sample_features, const Array& heads, const Array& raw_gradients,
                 const Array& feature_gradients, const Array& sample,
                 const std::optional<Array>& feature_plane_gradients, const std::optional<Array>& density_map_gradients,
                 const Array& grid_gradients) {
        const int64_t samples = extent(points, 0), count = extent(sample, 0);
        const DensityField<T> density = field<T>(features, densities, grids);
        const T* p = numbers<const T>(points, {samples, 3}, "points");
        ScatterInput<T> in = {numbers<const T>(sample_features, {samples, kChannels}, "features"),
                              numbers<const T>(heads, {samples, kChannels}, "heads"),
                              numbers<const T>(raw_gradients, {samples}, "density_gradients"),
                              numbers<const T>(feature_gradients, {count, kChannels}, "feature_gradients"),
                              nullptr,
                              nullptr,
                              0};
        const int64_t* kept = indices(sample, count, samples, "sample");
        ScatterOutput<T> out = {};
        out.grids = numbers<T>(grid_gradients, {kPlanes, levels_.nodes, levels_.features}, "grid_gradients");
        if (feature_plane_gradients.has_value() != density_map_gradients.has_value())
            refuse("gradients", "are given for one of both kinds of maps");
        if (feature_plane_gradients) {
            out.features = map_stack<T>(*feature_plane_gradients, kPlanes, "feature_plane_gradients");
            out.densities = map_stack<T>(*density_map_gradients, planes_.count, "density_map_gradients");
            if (out.features.size != density.features.size || out.densities.size != density.densities.size)
                refuse("gradients", "have another shape than the maps");
        }
        const nb::gil_scoped_release release;
        const std::unique_ptr<int64_t[]> lists(new int64_t[2 * samples + 2]);
        in.active = lists.get();
        in.color_row = lists.get() + samples + 1;
        in.count = kernels<T>().list_active(samples, in.density_gradients, kept, count, lists.get(),
                                            lists.get() + samples + 1);
        kernels<T>().scatter(*pool_, density, p, in, out);
    }

    template <class T>
    AdamState<T> adam_state(const Array& parameters, const Array& gradients, const Array& first, const Array& second,
                            const Array& steps) const {
        const int64_t rows = extent(steps, 0), width = extent(parameters, 1);
        if (width != 2 && width != 4 && width != 8) refuse("parameters", "must have rows of 2, 4 or 8");
        return {numbers<T>(parameters, {rows, width}, "parameters"),
                numbers<T>(gradients, {rows, width}, "gradients"),
                numbers<T>(first, {rows, width}, "first_moments"),
                numbers<T>(second, {rows, width}, "second_moments"),
                numbers<int32_t>(steps, {rows}, "steps"),
                rows};
    }

    template <class T>
    void adam(const Array& parameters, const Array& gradients, const Array& first, const Array& second,
              const Array& steps, double learning_rate, double beta1, double beta2, double epsilon, bool skip_zero) {
        const AdamState<T> state = adam_state<T>(parameters, gradients, first, second, steps);
        const int width = static_cast<int>(extent(parameters, 1));
        const nb::gil_scoped_release release;
        kernels<T>().adam(*pool_, state, {learning_rate, beta1, beta2, epsilon, skip_zero}, width);
    }

    template <class T>
    void update_tables(const std::vector<Array>& grids, const std::vector<double>& times, const Array& parameters,
                       const Array& gradients, const Array& first, const Array& second, const Array& steps,
                       double learning_rate, double beta1, double beta2, double epsilon) {
        const AdamState<T> state = adam_state<T>(parameters, gradients, first, second, steps);
        if (state.rows != kPlanes * levels_.entries || extent(parameters, 1) != levels_.features)
            refuse("parameters", "have another shape than expected");
        if (grids.size() != times.size()) refuse("times", "must be as many as grids");
        std::vector<const T*> from;
        for (const Array& grid : grids)
            from.push_back(numbers<const T>(grid, {kPlanes, levels_.nodes, levels_.features}, "grids"));
        for (const double time : times) unit_time(time);
        const GridGradients<T> of_grids = {from.data(), times.data(), static_cast<int>(from.size())};
        const nb::gil_scoped_release release;
        kernels<T>().update_tables(*pool_, levels_, of_grids, state, {learning_rate, beta1, beta2, epsilon, true});
    }

    SamplerInput sampler(const Array& origins, const Array& directions, const Array& box, const Array& cells,
                         double step, bool jitter, uint64_t seed, int64_t slots) const {
        const int64_t rays = extent(origins, 0);
        SamplerInput in = {};
        in.origins = numbers<const float>(origins, {rays, 3}, "origins");
        in.directions = numbers<const float>(directions, {rays, 3}, "directions");
        in.rays = rays;
        const float* corners = numbers<const float>(box, {2, 3}, "box");
        in.cells = numbers<const uint8_t>(cells, {-1, -1, -1}, "cells");
        for (int a = 0; a < 3; ++a) {
            if (cells.shape(a) < 1 || cells.shape(a) > 1024) refuse("cells", "must be 1 to 1024 along each axis");
            if (!(corners[a] < corners[3 + a])) refuse("box", "must have its lower corner first");
            in.lower[a] = corners[a];
            in.upper[a] = corners[3 + a];
            in.resolution[a] = static_cast<int>(cells.shape(a));
        }
        in.step = static_cast<float>(step);
        in.jitter = jitter;
        in.seed = seed;
        in.slots = slots;
        return in;
    }

    int64_t sample_rays(const Array& origins, const Array& directions, const Array& box, const Array& cells,
                        double step, bool jitter, uint64_t seed, const Array& distances, const Array& offsets) {
        if (!(step > 0)) refuse("step", "must be above 0");
        const SamplerInput in = sampler(origins, directions, box, cells, step, jitter, seed, extent(distances, 1));
        float* to = numbers<float>(distances, {in.rays, -1}, "distances");
        int64_t* ends = numbers<int64_t>(offsets, {in.rays + 1}, "offsets");
        const nb::gil_scoped_release release;
        return table_.sampler.sample_rays(*pool_, in, to, ends);
    }

    void place_points(const Array& origins, const Array& directions, const Array& box, const Array& cells,
                      const Array& distances, const Array& offsets, const Array& points) {
        const SamplerInput in = sampler(origins, directions, box, cells, 0, false, 0, extent(distances, 1));
        const float* from = numbers<const float>(distances, {in.rays, -1}, "distances");
        const int64_t* ends = ray_offsets(offsets, in.rays, extent(points, 0), "offsets");
        for (int64_t ray = 0; ray < in.rays; ++ray)
            if (ends[ray + 1] - ends[ray] > in.slots) refuse("offsets", "has more samples of a ray than distances");
        float* to = numbers<float>(points, {-1, 3}, "points");
        const nb::gil_scoped_release release;
        table_.sampler.place_points(*pool_, in, from, ends, to);
    }

 private:
    std::unique_ptr<ThreadPool> pool_;
    TrainingTable table_;
    Levels levels_;
    MlpPlanes planes_;
};

}  // namespace
}  // namespace mlpvid

// Both precisions of a method under one name, chosen by the element type of its first array.
#define MLPVID_BOTH(method) \
    .def(#method "_float32", &Engine::method<float>).def(#method "_float64", &Engine::method<double>)

NB_MODULE(mlpvid_training_kernels, module) {
    using mlpvid::Engine;
    namespace nb = nanobind;
    nb::set_leak_warnings(false);  // the interpreter may exit while modules still have an engine
    module.attr("VERSION") = mlpvid::kVersion;
    module.def("instruction_sets", &mlpvid::instruction_sets,
               "Names of the builds that this processor can run, best first.");
    nb::class_<Engine>(module, "Engine")
        .def(nb::init<const std::vector<std::vector<double>>&, int, const std::vector<int>&, int, const std::string&>(),
             nb::arg("levels"), nb::arg("features"), nb::arg("mlp_planes"), nb::arg("threads"),
             nb::arg("instruction_set") = "")
        .def_prop_ro("instruction_set", &Engine::name)
        .def_prop_ro("nodes", &Engine::nodes)
        .def_prop_ro("threads", &Engine::threads) MLPVID_BOTH(bake) MLPVID_BOTH(bake_backward) MLPVID_BOTH(march)
            MLPVID_BOTH(list_kept) MLPVID_BOTH(color_forward) MLPVID_BOTH(color_backward) MLPVID_BOTH(sum_colors)
                MLPVID_BOTH(depth_penalty) MLPVID_BOTH(composite_backward) MLPVID_BOTH(scatter) MLPVID_BOTH(adam)
                    MLPVID_BOTH(update_tables)
        .def("sample_rays", &Engine::sample_rays)
        .def("place_points", &Engine::place_points);
}
