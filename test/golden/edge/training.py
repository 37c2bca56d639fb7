"""Losses, optimisers and schedules where numerators, denominators or steps run out."""

import math

import numpy as np
import torch
import torch.nn.functional as F
from torch.optim import lr_scheduler

from common import Draw, Group, leaf

STEPS, LENGTH = 12, 200


def losses():
    g = Group("losses")

    def case(id, op, attrs, inputs, of, f, tol=(2e-6, 1e-5)):
        def fn(t):
            x, = leaf(t, of)
            loss = f(t)
            return {"loss": loss, "d" + of: torch.autograd.grad(loss, x)[0]}
        g.torch(id, op, attrs, inputs, fn, tol)

    def cross_entropy(name, logits, target, weight=None, smoothing=0.0, reduction="mean"):
        inputs = {"logits": logits, "target": np.asarray(target, np.int32)}
        if weight is not None:
            inputs["class_weight"] = np.asarray(weight, np.float32)
        attrs = {"reduction": reduction, "label_smoothing": smoothing, "class_weight": weight is not None}
        case("cross_entropy." + name, "cross_entropy", attrs, inputs, "logits",
             lambda t: F.cross_entropy(t["logits"], t["target"], t.get("class_weight"), reduction=reduction, label_smoothing=smoothing))
    d = Draw("losses")
    cross_entropy("one_class", d.normal(4, 1), [0, 0, 0, 0])
    cross_entropy("one_class_smoothing_weight", d.normal(3, 1), [0, 0, 0], [0.3], 0.2)
    cross_entropy("one_image_weight", d.normal(1, 5), [3], [1, 2, 3, 0.01, 5])
    cross_entropy("weights_of_zero", d.normal(7, 4), [0, 1, 2, 3, 0, 1, 2], [0, 1, 0, 2])
    cross_entropy("weights_of_zero_smoothing", d.normal(7, 4), [0, 1, 2, 3, 0, 1, 2], [0, 1, 0, 2], 0.3)
    cross_entropy("weights_of_zero_smoothing_sum", d.normal(7, 4), [0, 1, 2, 3, 0, 1, 2], [0, 1, 0, 2], 0.3, "sum")
    cross_entropy("weights_far_apart", d.normal(9, 3), [0, 1, 2, 0, 1, 2, 0, 1, 2], [1e-6, 1, 1e4], 0.1)
    cross_entropy("smoothing_1", d.normal(5, 6), [0, 1, 2, 3, 5], smoothing=1.0)
    cross_entropy("smoothing_1_weights", d.normal(5, 3), [0, 1, 2, 2, 1], [0.5, 1, 2], 1.0)
    cross_entropy("width33", d.normal(3, 33, scale=3), [0, 32, 17])
    cross_entropy("width129_sum", d.normal(2, 129), [128, 0], reduction="sum")
    far = d.normal(6, 5)
    far[0] += 1e5
    far[1, 0] = -1e5
    far[2] = -1e30
    far[3] = [88, 89, 90, -90, 0]
    cross_entropy("ends", far, [0, 1, 2, 2, 4, 3])
    cross_entropy("ends_weights_smoothing", far[3:], [2, 4, 3], [1, 0.5, 2, 0.1, 3], 0.05)

    def regression(name, op, pred, target, reduction="mean", **attrs):
        f = {"mse": F.mse_loss, "l1": F.l1_loss, "huber": F.huber_loss}[op]
        case(f"{op}.{name}", op, {"reduction": reduction, **attrs}, {"pred": pred, "target": target}, "pred",
             lambda t: f(t["pred"], t["target"], reduction=reduction, **attrs), (2e-6, 2e-5))
    for op, attrs in (("mse", {}), ("l1", {}), ("huber", {"delta": 1.0})):
        regression("one_value", op, d.normal(1, 1), d.normal(1, 1), **attrs)
        regression("list", op, d.normal(7), d.normal(7), **attrs)
        regression("three_axes", op, d.normal(2, 3, 5), d.normal(2, 3, 5), "sum", **attrs)
        same = d.normal(3, 4)
        regression("no_difference", op, same, same.copy(), **attrs)
        regression("width130", op, d.normal(1, 130), d.normal(1, 130), **attrs)
    steps = np.array([[0.5, -0.5, 0.49999997, 0.50000006, 0, 2, -2, 1e4]], np.float32)
    for delta in (0.5, 1e-3, 1e6):
        regression(f"at_the_kink_{delta}", "huber", steps, np.zeros_like(steps), delta=delta)
    for reduction in ("mean", "sum"):
        x = np.array([[0, 100, -100, 88.8, -88.8, 1e5, -1e5, 1e-6]], np.float32)
        y = np.array([[0.5, 1, 1, 0, 0, 1, 0, 0.25]], np.float32)
        case(f"bce_with_logits.ends_{reduction}", "bce_with_logits", {"reduction": reduction}, {"logits": x, "target": y}, "logits",
             lambda t, r=reduction: F.binary_cross_entropy_with_logits(t["logits"], t["target"], reduction=r))
    case("bce_with_logits.one_value", "bce_with_logits", {"reduction": "mean"}, {"logits": d.normal(1, 1), "target": np.ones((1, 1), np.float32)},
         "logits", lambda t: F.binary_cross_entropy_with_logits(t["logits"], t["target"]))

    def margin(name, logits, target, p, m, reduction="mean"):
        case("multi_margin." + name, "multi_margin", {"p": p, "margin": m, "reduction": reduction},
             {"logits": logits, "target": np.asarray(target, np.int32)}, "logits",
             lambda t: F.multi_margin_loss(t["logits"], t["target"], p, m, reduction=reduction))
    for p in (1, 2):
        margin(f"one_class_p{p}", d.normal(3, 1), [0, 0, 0], p, 1.0)
        margin(f"one_image_p{p}", d.normal(1, 6), [4], p, 2.5, "sum")
        margin(f"margin_0_p{p}", d.normal(4, 3), [0, 1, 2, 0], p, 0.0)
        margin(f"width65_p{p}", d.normal(2, 65), [64, 0], p, 0.7)
    return g


def optimizer(params, op, a):
    moments = lambda: {"lr": a["lr"], "betas": (a["beta1"], a["beta2"]), "eps": a["eps"], "weight_decay": a["weight_decay"]}
    if op == "sgd":
        return torch.optim.SGD(params, a["lr"], a["momentum"], a["dampening"], a["weight_decay"], a["nesterov"])
    if op == "rmsprop":
        return torch.optim.RMSprop(params, a["lr"], a["alpha"], a["eps"], a["weight_decay"], a["momentum"], a["centered"])
    if op == "adagrad":
        return torch.optim.Adagrad(params, a["lr"], a["lr_decay"], a["weight_decay"], a["initial_accumulator"], a["eps"])
    if op == "nadam":
        return torch.optim.NAdam(params, momentum_decay=a["momentum_decay"], foreach=True, **moments())
    return {"adam": torch.optim.Adam, "adamw": torch.optim.AdamW, "adamax": torch.optim.Adamax}[op](params, **moments())


def optimizers():
    g = Group("optimizers")

    def case(id, op, attrs, n=9, grads=None, lrs=None, clip=None):
        d = Draw(id)
        given = d.normal(STEPS, n) if grads is None else grads(d, n)
        attrs = {**attrs, **({"lrs": lrs} if lrs else {}), **({"clip": clip} if clip else {})}

        def fn(t):
            p = torch.nn.Parameter(t["param"].clone())
            opt = optimizer([p], op, attrs)
            out = []
            for i in range(STEPS):
                opt.param_groups[0]["lr"] = lrs[i] if lrs else attrs["lr"]
                p.grad = t["grads"][i].clone()
                if clip and "norm" in clip:
                    torch.nn.utils.clip_grad_norm_([p], clip["norm"])
                elif clip:
                    torch.nn.utils.clip_grad_value_([p], clip["value"])
                opt.step()
                out.append(p.detach().clone())
            return {"params": torch.stack(out)}
        g.torch(id, op, attrs, {"param": d.normal(n), "grads": given}, fn, (5e-6, 1e-5))
    sgd = {"lr": 0.05, "momentum": 0.0, "dampening": 0.0, "weight_decay": 0.0, "nesterov": False}
    adam = {"lr": 0.01, "beta1": 0.9, "beta2": 0.999, "eps": 1e-8, "weight_decay": 0.0, "bias_correction": True}
    rms = {"lr": 0.01, "alpha": 0.99, "eps": 1e-8, "weight_decay": 0.0, "momentum": 0.0, "centered": False}
    ada = {"lr": 0.05, "lr_decay": 0.0, "weight_decay": 0.0, "initial_accumulator": 0.0, "eps": 1e-10}
    plain = {key: adam[key] for key in ("lr", "beta1", "beta2", "eps", "weight_decay")}
    nadam = {**plain, "momentum_decay": 4e-3}
    zeros = lambda d, n: np.zeros((STEPS, n), np.float32)
    tiny = lambda d, n: d.normal(STEPS, n, scale=1e-12)
    huge = lambda d, n: d.normal(STEPS, n, scale=1e12)
    every = (("sgd", {**sgd, "momentum": 0.9}), ("adam", adam), ("adamw", {**adam, "weight_decay": 0.1}), ("rmsprop", rms),
             ("adagrad", ada), ("adamax", plain), ("nadam", nadam))
    for op, attrs in every:
        case(op + ".one_parameter", op, attrs, n=1)
        case(op + ".no_gradient", op, {**attrs, "weight_decay": 0.0}, grads=zeros)
        case(op + ".no_gradient_but_decay", op, {**attrs, "weight_decay": 0.2}, grads=zeros)
        case(op + ".rate_zero", op, {**attrs, "lr": 0.0, "weight_decay": 0.1})
        case(op + ".clip_to_nothing", op, attrs, clip={"norm": 1e-6})
        case(op + ".clip_value_and_decay", op, {**attrs, "weight_decay": 0.05}, clip={"value": 0.1})
        case(op + ".rates_with_zeros", op, {**attrs, "weight_decay": 0.01}, lrs=[0.02, 0, 0.01, 0, 0, 0.03, 1e-6, 0.02, 0, 0.01, 0.02, 0.01])
        if op != "sgd":
            case(op + ".tiny_gradients", op, attrs, grads=tiny)
            case(op + ".huge_gradients", op, {**attrs, "weight_decay": 0.0}, grads=huge)
            case(op + ".eps_1", op, {**attrs, "eps": 1.0})
    case("sgd.all_but_nesterov", "sgd", {**sgd, "momentum": 0.95, "dampening": 0.4, "weight_decay": 0.1})
    case("sgd.dampening_1", "sgd", {**sgd, "momentum": 0.5, "dampening": 1.0})
    case("sgd.momentum_0.999_decay_nesterov", "sgd", {**sgd, "lr": 0.01, "momentum": 0.999, "weight_decay": 0.3, "nesterov": True})
    case("sgd.momentum_1", "sgd", {**sgd, "lr": 0.01, "momentum": 1.0})
    for op in ("adam", "adamw", "adamax", "nadam"):
        base = nadam if op == "nadam" else plain if op == "adamax" else adam
        case(op + ".betas_zero", op, {**base, "beta1": 0.0, "beta2": 0.0, "eps": 1e-3})
        case(op + ".betas_near_1", op, {**base, "beta1": 0.99, "beta2": 0.99999})
        case(op + ".eps_tiny_decay", op, {**base, "eps": 1e-12, "weight_decay": 0.5})
    case("nadam.momentum_decay_0", "nadam", {**nadam, "momentum_decay": 0.0, "weight_decay": 0.1})
    case("nadam.momentum_decay_1", "nadam", {**nadam, "momentum_decay": 1.0})
    case("rmsprop.alpha_0", "rmsprop", {**rms, "alpha": 0.0, "eps": 1e-2})
    case("rmsprop.alpha_0.9999_momentum", "rmsprop", {**rms, "lr": 1e-4, "alpha": 0.9999, "momentum": 0.99})
    case("rmsprop.centered_one_sided", "rmsprop", {**rms, "centered": True, "eps": 1e-2}, grads=lambda d, n: np.full((STEPS, n), 0.7, np.float32))
    case("adagrad.everything", "adagrad", {**ada, "lr_decay": 0.9, "weight_decay": 0.2, "initial_accumulator": 2.0, "eps": 0.1})

    def clip(id, op, attrs, scales):
        d = Draw(id)
        inputs = {f"g{i}": d.normal(*s, scale=k) for i, (s, k) in enumerate(zip([(1,), (7,), (2, 3, 1, 1)], scales))}

        def fn(t):
            params = [torch.nn.Parameter(torch.zeros_like(t[f"g{i}"])) for i in range(3)]
            for i, p in enumerate(params):
                p.grad = t[f"g{i}"].clone()
            out = {}
            if op == "clip_grad_norm":
                out["total_norm"] = torch.nn.utils.clip_grad_norm_(params, attrs["max_norm"])
            else:
                torch.nn.utils.clip_grad_value_(params, attrs["value"])
            return {**out, **{f"clipped{i}": p.grad for i, p in enumerate(params)}}
        g.torch(id, op, attrs, inputs, fn, (1e-6, 1e-5))
    clip("clip_grad_norm.max_1e-6", "clip_grad_norm", {"max_norm": 1e-6}, (1, 1, 1))
    clip("clip_grad_norm.tiny", "clip_grad_norm", {"max_norm": 1.0}, (1e-20, 1e-15, 1e-18))
    clip("clip_grad_norm.tiny_and_below", "clip_grad_norm", {"max_norm": 1e-8}, (1e-7, 1e-7, 1e-7))
    clip("clip_grad_norm.1e15", "clip_grad_norm", {"max_norm": 5.0}, (1e15, 1, 1e14))
    clip("clip_grad_value.tiny", "clip_grad_value", {"value": 1e-6}, (1, 2, 0))
    clip("clip_grad_value.1e20", "clip_grad_value", {"value": 3.0}, (1e20, 1, 1e10))
    return g


def schedules():
    g = Group("schedules")

    def case(id, op, attrs, lrs, inputs=None):
        g.add(id, op, attrs, inputs or {}, {"lr": np.array(lrs, np.float64)}, (1e-9, 2e-6), values_tol=(1e-12, 1e-8))

    def of_torch(lr, make):
        opt = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr)
        schedule = make(opt)
        out = []
        for _ in range(LENGTH):
            out.append(opt.param_groups[0]["lr"])
            opt.step()
            if len(out) < LENGTH:
                schedule.step()
        return out
    for size, gamma in ((1, 0.97), (199, 0.1), (500, 0.1), (10, 1.0), (3, 0.0)):
        case(f"step.every{size}_{gamma}", "step", {"lr": 0.3, "step_size": size, "gamma": gamma},
             of_torch(0.3, lambda o: lr_scheduler.StepLR(o, size, gamma)))
    for name, milestones in (("first_step", [1]), ("neighbours", [5, 6, 7]), ("past_the_end", [50, 199, 400]), ("none", []), ("twice", [50, 50, 80])):
        case("multi_step." + name, "multi_step", {"lr": 0.3, "milestones": milestones, "gamma": 0.5},
             [0.3 * 0.5 ** sum(m <= t for m in milestones) for t in range(LENGTH)])
    for gamma in (1.0, 0.5, 1.01):
        case(f"exponential.{gamma}", "exponential", {"lr": 0.2, "gamma": gamma}, [0.2 * gamma ** t for t in range(LENGTH)])
    for total, power in ((1, 1.0), (200, 1.0), (199, 3.0), (30, 0.5), (50, 0.0)):
        case(f"polynomial.{total}_{power}", "polynomial", {"lr": 0.2, "power": power, "total_steps": total},
             [0.2 * (1 - min(t, total) / total) ** power for t in range(LENGTH)])
    for t_max, eta in ((1, 0.0), (2, 0.05), (1000, 0.0), (60, 0.2), (33, 0.5)):
        case(f"cosine_annealing.{t_max}_{eta}", "cosine_annealing", {"lr": 0.2, "t_max": t_max, "eta_min": eta},
             [eta + (0.2 - eta) * (1 + math.cos(math.pi * t / t_max)) / 2 for t in range(LENGTH)])
    for t_0, mult, eta in ((1, 1, 0.01), (1, 2, 0.0), (200, 1, 0.0), (300, 2, 0.0), (7, 1, 0.0), (3, 4, 0.2)):
        case(f"cosine_warm_restarts.{t_0}_{mult}_{eta}", "cosine_warm_restarts", {"lr": 0.2, "t_0": t_0, "t_mult": mult, "eta_min": eta},
             of_torch(0.2, lambda o: lr_scheduler.CosineAnnealingWarmRestarts(o, t_0, mult, eta)))
    for warm, start, eta in ((1, 0.0, 0.0), (1, 0.5, 0.01), (199, 0.1, 0.0), (0, 0.7, 0.02), (100, 1.0, 0.0), (40, 2.0, 0.3)):
        lrs = [0.2 * (start + (1 - start) * t / warm) if t < warm else eta + (0.2 - eta) * (1 + math.cos(math.pi * (t - warm) / (LENGTH - warm))) / 2
               for t in range(LENGTH)]
        case(f"warmup_cosine.{warm}_{start}", "warmup_cosine",
             {"lr": 0.2, "warmup_steps": warm, "start_factor": start, "total_steps": LENGTH, "eta_min": eta}, lrs)
    for pct, three, div, final, anneal in ((0.01, False, 25.0, 1e4, "cos"), (0.99, False, 2.0, 10.0, "linear"), (0.5, True, 10.0, 100.0, "cos"),
                                           (0.02, True, 4.0, 1.0, "linear"), (0.305, False, 1.0, 1.0, "cos"), (0.333, True, 25.0, 1e4, "linear")):
        a = {"max_lr": 0.4, "total_steps": LENGTH, "pct_start": pct, "anneal": anneal, "div_factor": div, "final_div_factor": final, "three_phase": three}
        case(f"one_cycle.{pct}{'_three' if three else ''}", "one_cycle", a, of_torch(0.4, lambda o: lr_scheduler.OneCycleLR(
            o, 0.4, total_steps=LENGTH, pct_start=pct, anneal_strategy=anneal, div_factor=div, final_div_factor=final,
            three_phase=three, cycle_momentum=False)))
    base = {"lr": 0.3, "mode": "min", "factor": 0.5, "patience": 4, "threshold": 1e-3, "threshold_mode": "rel", "cooldown": 0, "min_lr": 0.0, "eps": 1e-8}
    d = Draw("plateau")
    flat, noisy = np.ones(LENGTH), np.cumsum(d.normal(LENGTH)) / 5
    for name, metric, more in (("patience_0", flat, {"patience": 0, "factor": 0.9}), ("never_better_cooldown", flat, {"cooldown": 7}),
                               ("threshold_0", noisy, {"threshold": 0.0}), ("below_zero", noisy - 20, {}), ("below_zero_max", noisy - 20, {"mode": "max"}),
                               ("zero_metric", np.zeros(LENGTH), {}), ("eps_stops_it", flat, {"eps": 0.05}), ("floor_at_once", flat, {"min_lr": 0.25}),
                               ("factor_0", flat, {"factor": 0.0, "patience": 20}), ("abs_max", noisy, {"mode": "max", "threshold_mode": "abs", "threshold": 0.3}),
                               ("rises_and_falls", np.abs(np.arange(LENGTH) - 90) / 50.0, {"patience": 2, "cooldown": 1})):
        a = {**base, **more}
        opt = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], a["lr"])
        schedule = lr_scheduler.ReduceLROnPlateau(opt, **{k: v for k, v in a.items() if k != "lr"})
        lrs = []
        for value in metric.astype(np.float32).astype(np.float64):
            schedule.step(float(value))
            lrs.append(opt.param_groups[0]["lr"])
        case("reduce_on_plateau." + name, "reduce_on_plateau", a, lrs, {"metric": metric.astype(np.float32)})
    return g
