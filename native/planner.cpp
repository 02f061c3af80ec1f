// The planner's two dynamic programs; nightproof/kernels/planner_reference.py defines what they must return.
//
// `schedule`: the cheapest way through a grid of slots, one resource at a time, stopping and starting at will; every
// start loses some work. Integers throughout, so ties are ties and every machine finds the same plan.
// `dual_values`: the same question with the amount of work priced instead of fixed (Lagrange), on segments of
// constant price: a lower bound on what any schedule in continuous time can cost.
#include <nanobind/nanobind.h>
#include <nanobind/ndarray.h>

#include <algorithm>
#include <cstdint>
#include <limits>
#include <stdexcept>
#include <vector>

namespace nb = nanobind;
using namespace nb::literals;

namespace {

template <typename T, int Rank>
using Array = nb::ndarray<const T, nb::ndim<Rank>, nb::c_contig, nb::device::cpu>;

constexpr std::int64_t kNever = std::numeric_limits<std::int64_t>::max();
constexpr std::int32_t kLate = std::numeric_limits<std::int32_t>::max();
constexpr std::int16_t kWait = -1;

// What the rest of the work costs and when it ends; less is better, cost first.
struct Outlook {
    std::int64_t cost = kNever;
    std::int32_t finish_s = kLate;
    bool operator<(const Outlook& other) const {
        return cost != other.cost ? cost < other.cost : finish_s < other.finish_s;
    }
};

struct Grid {
    const std::int64_t* unit_cost;  // slots × offers
    const std::uint8_t* open;       // slots × offers
    const std::int32_t* units;      // offers: work units per slot
    const std::int32_t* lost;       // offers: work units that a start loses
    std::int32_t slots, offers, work, slot_s;
};

// Run `offer` through `slot` with `left` units still to do; `after` tells how it goes on if some are left then.
template <typename After>
Outlook run(const Grid& grid, int slot, int offer, std::int32_t left, After after) {
    const std::int64_t price = grid.unit_cost[std::size_t(slot) * grid.offers + offer];
    const std::int32_t units = grid.units[offer];
    if (left <= units) {
        const std::int64_t seconds = (std::int64_t(left) * grid.slot_s + units - 1) / units;
        return {price * left, std::int32_t(std::int64_t(slot) * grid.slot_s + seconds)};
    }
    Outlook rest = after(left - units);
    if (rest.cost != kNever) rest.cost += price * units;
    return rest;
}

struct Schedule {
    std::int64_t cost;
    std::int32_t finish_s;
    std::vector<std::int32_t> slots;
};

template <typename Poll>
Schedule best_schedule(const Grid& grid, Poll poll) {
    const std::size_t width = std::size_t(grid.work) + 1;
    std::vector<Outlook> idle(width);                      // nothing runs before this slot
    std::vector<Outlook> busy(width * grid.offers);        // `offer` ran in the slot before
    std::vector<Outlook> next_idle(width);
    std::vector<std::int16_t> started(width * grid.slots, kWait);
    std::vector<std::uint8_t> carried(width * grid.slots * grid.offers, 0);

    for (int slot = grid.slots - 1; slot >= 0; --slot) {
        if ((slot & 15) == 0) poll();
        next_idle = idle;
        std::int16_t* start = started.data() + width * slot;
        for (int offer = 0; offer < grid.offers; ++offer) {
            if (!grid.open[std::size_t(slot) * grid.offers + offer]) continue;
            const Outlook* on = busy.data() + width * offer;
            const auto after = [on](std::int32_t left) { return on[left]; };
            for (std::int32_t left = 1; left <= grid.work; ++left) {
                const Outlook outlook = run(grid, slot, offer, left + grid.lost[offer], after);
                const bool first = start[left] == kWait;
                // A start wins a tie against waiting; among starts the offer listed first wins.
                if (outlook.cost != kNever && (first ? !(next_idle[left] < outlook) : outlook < idle[left])) {
                    idle[left] = outlook;
                    start[left] = std::int16_t(offer);
                }
            }
        }
        for (int offer = 0; offer < grid.offers; ++offer) {
            Outlook* on = busy.data() + width * offer;
            std::uint8_t* carry = carried.data() + (std::size_t(slot) * grid.offers + offer) * width;
            const bool open = grid.open[std::size_t(slot) * grid.offers + offer];
            // Downwards: `on` still holds the next slot for all smaller amounts of work.
            for (std::int32_t left = grid.work; left >= 1; --left) {
                Outlook outlook;
                if (open) outlook = run(grid, slot, offer, left, [on](std::int32_t rest) { return on[rest]; });
                const bool goes_on = outlook.cost != kNever && !(idle[left] < outlook);
                carry[left] = goes_on;
                on[left] = goes_on ? outlook : idle[left];
            }
        }
    }

    Schedule result{idle[grid.work].cost, idle[grid.work].finish_s, std::vector<std::int32_t>(grid.slots, -1)};
    if (result.cost == kNever) return result;
    std::int32_t left = grid.work;
    int running = kWait;
    for (int slot = 0; slot < grid.slots && left > 0; ++slot) {
        if (running != kWait && !carried[(std::size_t(slot) * grid.offers + running) * width + left]) running = kWait;
        if (running == kWait) {
            running = started[width * slot + left];
            if (running != kWait) left += grid.lost[running];
        }
        if (running != kWait) left -= grid.units[running];
        result.slots[slot] = running;
    }
    return result;
}

nb::tuple schedule(Array<std::int64_t, 2> unit_cost, Array<std::uint8_t, 2> open, Array<std::int32_t, 1> units,
                   Array<std::int32_t, 1> lost, std::int32_t work, std::int32_t slot_s) {
    const std::size_t slots = unit_cost.shape(0), offers = unit_cost.shape(1);
    if (open.shape(0) != slots || open.shape(1) != offers || units.shape(0) != offers || lost.shape(0) != offers)
        throw std::invalid_argument("the arrays speak of different numbers of slots or offers");
    if (work < 1 || slot_s < 1 || slots * std::uint64_t(slot_s) >= std::uint64_t(kLate) || offers > 32767 || slots > 1'000'000)
        throw std::invalid_argument("no work, or more slots than can be counted");
    if (slots * offers * (std::uint64_t(work) + 1) > (std::uint64_t(1) << 28))
        throw std::invalid_argument("too many states; use a coarser grid");
    std::int64_t dearest = 1, most = 1;
    for (std::size_t i = 0; i < offers; ++i) {
        if (units(i) < 1 || lost(i) < 0 || lost(i) > units(i))
            throw std::invalid_argument("a start may lose at most the slot it starts in");
        most = std::max<std::int64_t>(most, units(i));
    }
    for (std::size_t i = 0; i < slots * offers; ++i) {
        if (unit_cost.data()[i] < 0) throw std::invalid_argument("costs must not be negative");
        dearest = std::max(dearest, unit_cost.data()[i]);
    }
    if (dearest > kNever / 4 / most / std::int64_t(slots + 1)) throw std::invalid_argument("costs too large to add up");

    const Grid grid{unit_cost.data(), open.data(),       units.data(), lost.data(),
                    std::int32_t(slots), std::int32_t(offers), work, slot_s};
    Schedule best;
    {
        nb::gil_scoped_release release;
        best = best_schedule(grid, [] {
            nb::gil_scoped_acquire acquire;
            if (PyErr_CheckSignals() != 0) throw nb::python_error();
        });
    }
    auto* chosen = new std::vector<std::int32_t>(std::move(best.slots));
    nb::capsule owner(chosen, [](void* p) noexcept { delete static_cast<std::vector<std::int32_t>*>(p); });
    nb::ndarray<nb::numpy, std::int32_t, nb::ndim<1>> array(chosen->data(), {chosen->size()}, owner);
    const bool found = best.cost != kNever;
    return nb::make_tuple(found ? best.cost : std::int64_t(-1), found ? best.finish_s : std::int32_t(-1), array);
}

nb::object dual_values(Array<double, 2> cost, Array<double, 2> work, Array<double, 1> start_work,
                       Array<std::uint8_t, 2> open, Array<double, 1> prices) {
    const std::size_t segments = cost.shape(0), offers = cost.shape(1), count = prices.shape(0);
    if (work.shape(0) != segments || work.shape(1) != offers || open.shape(0) != segments || open.shape(1) != offers ||
        start_work.shape(0) != offers)
        throw std::invalid_argument("the arrays speak of different numbers of segments or offers");
    auto* values = new std::vector<double>(count);
    nb::capsule owner(values, [](void* p) noexcept { delete static_cast<std::vector<double>*>(p); });
    {
        nb::gil_scoped_release release;
        std::vector<double> busy(offers);
        for (std::size_t k = 0; k < count; ++k) {
            const double price = prices(k);
            double idle = 0.0;
            std::fill(busy.begin(), busy.end(), 0.0);
            for (std::size_t segment = segments; segment-- > 0;) {
                double best = idle;
                for (std::size_t offer = 0; offer < offers; ++offer) {
                    const std::size_t at = segment * offers + offer;
                    if (!open.data()[at]) {
                        busy[offer] = std::numeric_limits<double>::infinity();
                        continue;
                    }
                    busy[offer] += cost.data()[at] - price * work.data()[at];
                    best = std::min(best, busy[offer] + price * start_work(offer));
                }
                idle = best;
                for (std::size_t offer = 0; offer < offers; ++offer) busy[offer] = std::min(busy[offer], idle);
            }
            (*values)[k] = idle;
        }
    }
    return nb::cast(nb::ndarray<nb::numpy, double, nb::ndim<1>>(values->data(), {count}, owner));
}

}  // namespace

void bind_planner(nb::module_& m) {
    m.def("planner_schedule", &schedule, "unit_cost"_a, "open"_a, "units"_a, "lost"_a, "work"_a, "slot_s"_a,
          "See nightproof.kernels.planner_reference.schedule.");
    m.def("planner_dual_values", &dual_values, "cost"_a, "work"_a, "start_work"_a, "open"_a, "prices"_a,
          "See nightproof.kernels.planner_reference.dual_values.");
}
