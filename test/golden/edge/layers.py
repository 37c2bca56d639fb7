"""Layers at the edges of what the format allows: shapes of one, windows larger than their images, padding wider than kernels,
channels that fill no vector, statistics of two values, arguments at the ends of float32."""

import numpy as np
import torch
import torch.nn.functional as F

from common import SUM, Draw, Group, gradients, leaf


def linear(g):
    def case(name, n, fan_in, fan_out, bias=True, scale=1.0):
        d = Draw("linear." + name)
        inputs = {"x": d.normal(n, fan_in, scale=scale), "weight": d.normal(fan_out, fan_in, scale=fan_in ** -0.5)}
        if bias:
            inputs["bias"] = d.normal(fan_out, scale=scale)
        inputs["dy"] = d.normal(n, fan_out)

        def fn(t):
            x, w, b = leaf(t, "x", "weight", "bias")
            y = F.linear(x, w, b)
            return {"y": y, **gradients(y, t["dy"], x=x, weight=w, bias=b)}
        g.torch("linear." + name, "linear", {"bias": bias}, inputs, fn, SUM if scale == 1 else (5e-5 * scale, 3e-5))
    case("1x1x1", 1, 1, 1)
    case("1x1x1_no_bias", 1, 1, 1, bias=False)
    case("batch1_out1", 1, 37, 1)
    case("in1_out1", 7, 1, 1)
    case("one_over_tiles", 7, 17, 9)
    case("one_under_tiles", 5, 31, 7)
    case("tall", 131, 3, 2)
    case("wide", 2, 5, 67)
    case("long_sum_out1", 1, 1025, 1, bias=False)
    case("large_values", 3, 9, 5, scale=1e6)


def conv2d(g):
    def case(name, size, kernel, stride=(1, 1), pads=(0, 0, 0, 0), dilation=(1, 1), groups=1, cin=2, cout=3, n=2, bias=True,
             padding="explicit"):
        d = Draw("conv2d." + name)
        fan_in = cin // groups * kernel[0] * kernel[1]
        inputs = {"x": d.normal(n, cin, *size), "weight": d.normal(cout, cin // groups, *kernel, scale=fan_in ** -0.5)}
        if bias:
            inputs["bias"] = d.normal(cout)
        out = [(size[i] + pads[i] + pads[i + 2] - dilation[i] * (kernel[i] - 1) - 1) // stride[i] + 1 for i in (0, 1)]
        inputs["dy"] = d.normal(n, cout, *out)
        top, left, bottom, right = pads

        def fn(t):
            x, w, b = leaf(t, "x", "weight", "bias")
            y = F.conv2d(F.pad(x, (left, right, top, bottom)), w, b, stride=stride, dilation=dilation, groups=groups)
            return {"y": y, **gradients(y, t["dy"], x=x, weight=w, bias=b)}
        attrs = {"kernel": list(kernel), "stride": list(stride), "padding": padding, "pads": list(pads),
                 "dilation": list(dilation), "groups": groups, "bias": bias}
        g.torch("conv2d." + name, "conv2d", attrs, inputs, fn, SUM)
    one = (1, 1, 1, 1)
    case("1x1_on_1x1", (1, 1), (1, 1), cin=1, cout=1, n=1, padding="valid")
    case("3x3_on_1x1", (1, 1), (3, 3), pads=one, cin=5, cout=7)
    case("1x1_stride3", (7, 5), (1, 1), (3, 3))
    case("row", (1, 9), (1, 3), pads=(0, 1, 0, 1))
    case("column", (9, 1), (3, 1), pads=(1, 0, 1, 0))
    case("row_under_3x3", (1, 9), (3, 3), pads=one, cin=4, cout=4)
    case("pads_wider_than_image", (2, 3), (3, 3), pads=(5, 4, 6, 5))
    case("pads_wider_than_kernel_s2", (4, 4), (2, 2), (2, 2), pads=(3, 4, 3, 4))
    case("kernel_wider_than_image", (3, 2), (7, 5), pads=(3, 2, 3, 2))
    case("7x7_s2", (15, 13), (7, 7), (2, 2), pads=(3, 3, 3, 3), cin=3, cout=5, n=1)
    case("11x1", (13, 4), (11, 1), pads=(5, 0, 5, 0))
    case("stride_over_kernel_and_image", (5, 5), (2, 2), (7, 7))
    case("stride_over_dilated_kernel", (11, 12), (2, 3), (5, 4), dilation=(2, 1), cin=3)
    case("taps_in_padding_only", (2, 2), (3, 3), pads=(4, 4, 4, 4), dilation=(4, 4))
    case("dilation_even_groups", (9, 10), (2, 4), (1, 2), (1, 3, 2, 3), (3, 2), 2, 6, 4)
    case("groups_of_one_output_each", (5, 6), (3, 3), pads=one, groups=3, cin=6, cout=3)
    case("groups5_stride_dilation", (11, 9), (3, 2), (2, 3), (2, 1, 1, 2), (2, 2), 5, 10, 15)
    case("depthwise_even_stride3", (8, 9), (4, 2), (3, 2), (1, 1, 2, 0), groups=7, cin=7, cout=7)
    case("depthwise_on_1x1", (1, 1), (3, 3), pads=one, groups=4, cin=4, cout=4, n=3)
    case("depthwise_1x1", (4, 3), (1, 1), groups=6, cin=6, cout=12, bias=False)
    case("grouped_3x3_wide", (6, 7), (3, 3), pads=one, groups=2, cin=18, cout=22)
    # 3x3 with stride 1: sizes around the tiles of Winograd's transform, channels around vectors
    for size in ((2, 2), (3, 5), (4, 4), (5, 4), (8, 8), (9, 7), (13, 6)):
        case(f"3x3_same_{size[0]}x{size[1]}", size, (3, 3), pads=one, cin=9, cout=13, n=1, padding="same")
    for cin, cout in ((1, 16), (16, 1), (3, 33), (17, 5), (32, 32)):
        case(f"3x3_same_{cin}_to_{cout}", (6, 9), (3, 3), pads=one, cin=cin, cout=cout, padding="same")
    case("3x3_valid_4_to_4", (4, 4), (3, 3), cin=4, cout=4, n=5, padding="valid")
    case("3x3_image_is_kernel", (3, 3), (3, 3), cin=8, cout=8, n=9, padding="valid")
    case("3x3_one_sided", (7, 7), (3, 3), pads=(2, 2, 0, 0), cin=8, cout=8)
    case("3x3_pads_2", (5, 6), (3, 3), pads=(2, 2, 2, 2), cin=8, cout=8, bias=False)


def pools(g):
    def case(name, op, size, kernel, stride, pad=(0, 0), ceil=False, include_pad=None, n=2, c=3, values=None):
        d = Draw(f"{op}.{name}")
        x = d.normal(n, c, *size) if values is None else values(d, (n, c, *size))
        attrs = {"kernel": list(kernel), "stride": list(stride), "pad": list(pad), "ceil_mode": ceil}
        if op == "avg_pool2d":
            attrs["count_include_pad"] = include_pad

        def pool(x):
            if op == "max_pool2d":
                return F.max_pool2d(x, kernel, stride, pad, 1, ceil, return_indices=True)
            return F.avg_pool2d(x, kernel, stride, pad, ceil, include_pad), None
        dy = d.normal(*pool(torch.tensor(x))[0].shape)

        def fn(t):
            x, = leaf(t, "x")
            y, indices = pool(x)
            out = {"y": y, **gradients(y, t["dy"], x=x)}
            return out if indices is None else {**out, "indices": indices}
        g.torch(f"{op}.{name}", op, attrs, {"x": x, "dy": dy}, fn, (1e-6, 1e-5))
    for op, include in (("max_pool2d", None), ("avg_pool2d", True), ("avg_pool2d", False)):
        tag = {None: "", True: ".with_pad", False: ".without_pad"}[include]
        case("1x1" + tag, op, (1, 1), (1, 1), (1, 1), include_pad=include, n=1, c=1)
        case("kernel1_stride3" + tag, op, (7, 8), (1, 1), (3, 3), include_pad=include)
        case("kernel1_stride3_ceil" + tag, op, (8, 9), (1, 1), (3, 3), ceil=True, include_pad=include)
        case("wider_than_image" + tag, op, (2, 3), (5, 5), (2, 2), (2, 2), include_pad=include)
        case("wider_than_image_ceil" + tag, op, (2, 3), (4, 5), (3, 3), (2, 2), True, include_pad=include)
        case("stride_over_kernel_ceil" + tag, op, (9, 8), (2, 3), (5, 4), (1, 1), True, include_pad=include)
        case("ceil_drops_last_window" + tag, op, (5, 7), (2, 2), (2, 2), (1, 1), True, include_pad=include)
        case("ceil_cut_off_far" + tag, op, (7, 6), (5, 4), (3, 4), (0, 2), True, include_pad=include)
        case("oblong" + tag, op, (1, 11), (1, 4), (1, 3), (0, 2), True, include_pad=include)
        case("column" + tag, op, (11, 1), (3, 1), (2, 1), (1, 0), include_pad=include, c=5)
        case("one_channel_batch5" + tag, op, (5, 5), (3, 3), (1, 1), (1, 1), include_pad=include, n=5, c=1)
        case("channels17" + tag, op, (4, 5), (2, 2), (2, 2), include_pad=include, n=1, c=17)
    lowest = np.finfo(np.float32).min
    case("lowest_values_padded", "max_pool2d", (3, 4), (3, 3), (2, 2), (1, 1), values=lambda d, s: np.full(s, lowest, np.float32))
    case("zeros_of_both_signs", "max_pool2d", (4, 4), (2, 2), (1, 1),
         values=lambda d, s: np.where(d.ints(0, 1, *s), np.float32(-0.0), np.float32(0.0)))


def shapes(g):
    def global_pool(name, *shape):
        d = Draw("global." + name)

        def fn(t):
            x, = leaf(t, "x")
            y = x.mean(dim=(2, 3))
            return {"y": y, **gradients(y, t["dy"], x=x)}
        inputs = {"x": d.normal(*shape), "dy": d.normal(*shape[:2])}
        g.torch("global_avg_pool2d." + name, "global_avg_pool2d", {}, inputs, fn, (1e-6, 1e-5))
    global_pool("one_value", 1, 1, 1, 1)
    global_pool("row", 3, 5, 1, 17)
    global_pool("large", 1, 2, 33, 31)

    def adaptive(name, size, out):
        d = Draw("adaptive." + name)

        def fn(t):
            x, = leaf(t, "x")
            y = F.adaptive_avg_pool2d(x, out)
            return {"y": y, **gradients(y, t["dy"], x=x)}
        inputs = {"x": d.normal(2, 3, *size), "dy": d.normal(2, 3, *out)}
        g.torch("adaptive_avg_pool2d." + name, "adaptive_avg_pool2d", {"size": list(out)}, inputs, fn, (1e-6, 1e-5))
    adaptive("1x1_to_1x1", (1, 1), (1, 1))
    adaptive("1x1_to_3x4", (1, 1), (3, 4))
    adaptive("row", (1, 13), (1, 5))
    adaptive("primes", (13, 11), (7, 3))
    adaptive("one_less", (6, 9), (5, 8))

    def concat(name, axis, *parts):
        d = Draw("concat." + name)
        inputs = {n: d.normal(*s) for n, s in zip("abcd", parts)}
        y = np.concatenate(list(inputs.values()), axis)
        dy = d.normal(*y.shape)
        grads = np.split(dy, np.cumsum([s[axis] for s in parts])[:-1], axis)
        outputs = {"y": y, **{"d" + n: part for n, part in zip(inputs, grads)}}
        g.add("concat." + name, "concat", {"axis": axis}, {**inputs, "dy": dy}, outputs, (0.0, 0.0))
    concat("single_channels", 1, (2, 1, 3, 2), (2, 1, 3, 2), (2, 1, 3, 2))
    concat("channels_5_and_3", 1, (1, 5, 1, 1), (1, 3, 1, 1))
    concat("features_of_one", 1, (3, 1), (3, 1))
    concat("batches_of_one", 0, (1, 5), (1, 5), (1, 5))
    concat("rows", 2, (2, 3, 1, 4), (2, 3, 5, 4))
    concat("columns", 3, (2, 3, 4, 2), (2, 3, 4, 1), (2, 3, 4, 5))


def norms(g):
    def batch(name, x, momentum=0.1, eps=1e-5, affine=True, seen=0, training=True, weight=None, tol=(2e-5, 2e-5), tols=None):
        d = Draw("batch_norm." + name)
        c = x.shape[1]
        inputs = {"x": x, "running_mean": d.normal(c), "running_var": d.uniform(c, lo=0.3, hi=3)}
        if affine:
            inputs.update(weight=d.normal(c, scale=0.5, shift=1) if weight is None else weight, bias=d.normal(c))
        inputs["dy"] = d.normal(*x.shape)

        def fn(t):
            x, w, b = leaf(t, "x", "weight", "bias")
            mean, var = t["running_mean"].clone(), t["running_var"].clone()
            y = F.batch_norm(x, mean, var, w, b, training, 1 / (seen + 1) if momentum is None else momentum, eps)
            out = {"y": y, **gradients(y, t["dy"], x=x, weight=w, bias=b)}
            if not training:
                return out
            dims = [0, *range(2, x.dim())]
            return {**out, "batch_mean": x.mean(dims), "batch_var": x.var(dims, unbiased=False), "running_mean": mean, "running_var": var}
        attrs = {"training": training, "momentum": momentum, "eps": eps, "affine": affine, "num_batches_tracked": seen}
        g.torch("batch_norm." + name, "batch_norm", attrs, inputs, fn, tol, tols)
    d = Draw("batch_norm")
    near = {"dx": (5e-4, 5e-4)}
    pair = d.normal(2, 5)
    pair[1] = pair[0] + np.sign(pair[1]) * d.uniform(5, lo=0.8, hi=3)
    batch("two_values", pair, tols=near)
    batch("one_image_of_two_places", pair.T.reshape(1, 5, 2, 1).copy(), tols=near)
    batch("length1", pair.reshape(2, 5, 1).copy(), tols=near)
    batch("one_channel", d.normal(3, 1, 4, 5))
    batch("one_feature", d.normal(9, 1))
    batch("channels17", d.normal(2, 17, 3, 3))
    batch("all_constant", np.full((4, 3, 2, 2), 2.5, np.float32), tol=(2e-4, 5e-5))
    batch("eps_tiny", d.normal(6, 4), eps=1e-12)
    batch("eps_huge", d.normal(6, 4), eps=100.0)
    batch("mean_1000", d.normal(8, 3, 4, 4, shift=1000), tol=(2e-3, 2e-3))
    batch("std_1e4", d.normal(8, 3, 4, 4, scale=1e4), tol=(2e-5, 2e-5), tols={"batch_mean": (0.2, 2e-5), "running_mean": (0.02, 2e-5)})
    batch("std_1e-4", d.normal(8, 3, 4, 4, scale=1e-4), tols={"dx": (5e-3, 2e-4)})
    batch("weight_zero_and_negative", d.normal(7, 3), weight=np.array([0, -1.5, 1e-3], np.float32))
    batch("cumulative_after_10000", d.normal(5, 4, 2, 3), momentum=None, seen=10000)
    batch("cumulative_after_one", d.normal(5, 4), momentum=None, seen=1)
    batch("momentum_1_images", d.normal(5, 4, 2, 3), momentum=1.0)
    batch("eval_one_image", d.normal(1, 3, 1, 1), training=False)
    batch("eval_one_row_no_affine", d.normal(1, 5), training=False, affine=False, eps=1e-3)

    def layer(name, x, axes, eps=1e-5, affine=True, tol=(2e-5, 2e-5), tols=None):
        d = Draw("layer_norm." + name)
        own = list(x.shape[-axes:])
        inputs = {"x": x}
        if affine:
            inputs.update(weight=d.normal(*own, scale=0.5, shift=1), bias=d.normal(*own))
        inputs["dy"] = d.normal(*x.shape)

        def fn(t):
            x, w, b = leaf(t, "x", "weight", "bias")
            y = F.layer_norm(x, own, w, b, eps)
            return {"y": y, **gradients(y, t["dy"], x=x, weight=w, bias=b)}
        g.torch("layer_norm." + name, "layer_norm", {"normalized_shape": own, "eps": eps, "affine": affine}, inputs, fn, tol, tols)
    layer("one_value", d.normal(4, 1), 1, tol=(2e-4, 5e-5))
    layer("pairs", pair.T.copy(), 1, tols=near)
    layer("one_row", d.normal(1, 23), 1)
    layer("rows_of_planes", d.normal(2, 3, 4, 5), 2)
    layer("last_axis_of_images", d.normal(2, 3, 2, 7), 1)
    layer("constant_rows", np.full((3, 6), -4.0, np.float32), 1, tol=(2e-4, 5e-5))
    layer("chw_of_one_channel", d.normal(3, 1, 4, 3), 3, affine=False)
    layer("eps_tiny", d.normal(3, 9), 1, eps=1e-12)
    layer("width65", d.normal(5, 65, scale=3, shift=7), 1, tol=(5e-5, 5e-5))

    def group(name, x, groups, eps=1e-5, affine=True, tol=(2e-5, 2e-5), tols=None):
        d = Draw("group_norm." + name)
        c = x.shape[1]
        inputs = {"x": x}
        if affine:
            inputs.update(weight=d.normal(c, scale=0.5, shift=1), bias=d.normal(c))
        inputs["dy"] = d.normal(*x.shape)

        def fn(t):
            x, w, b = leaf(t, "x", "weight", "bias")
            y = F.group_norm(x, groups, w, b, eps)
            return {"y": y, **gradients(y, t["dy"], x=x, weight=w, bias=b)}
        g.torch("group_norm." + name, "group_norm", {"groups": groups, "eps": eps, "affine": affine}, inputs, fn, tol, tols)
    group("one_image", d.normal(1, 6, 3, 3), 3)
    group("pairs", pair.T.reshape(5, 2, 1, 1).copy(), 1, tols=near)
    group("groups_of_3", d.normal(2, 9, 2, 3), 3)
    group("groups_of_5", d.normal(3, 15, 1, 2), 3)
    group("instance_of_17", d.normal(2, 17, 2, 2), 17, tols=near)
    group("one_channel", d.normal(3, 1, 4, 4), 1)
    group("length", d.normal(2, 6, 7), 2)
    group("constant", np.full((2, 4, 3, 3), 2.0, np.float32), 2, tol=(2e-4, 5e-5))
    group("features_one_group", d.normal(4, 7), 1, affine=False, eps=0.1)


def activations(g):
    ends = np.array([3.4e38, -3.4e38, 1e30, -1e30, 1e19, -1e19, 88.7, -88.7, 89, -89, 103.9, -103.9, 104, -104, 19.999, -19.999,
                     20.001, -20.001, 44, -44, 16.6, -16.6, 9.01, -9.01, 8.99, -8.99, 5.5, -5.5, 0.35, -0.35, 3e-8, -3e-8,
                     1.2e-38, -1.2e-38, 0.0, -0.0], np.float32)

    def case(name, op, attrs, f, x=ends):
        d = Draw(f"{op}.{name}")

        def fn(t):
            x, = leaf(t, "x")
            y = f(x)
            return {"y": y, **gradients(y, t["dy"], x=x)}
        # an input of 1e30 times a gradient leaves float32: dy is small there
        dy = (d.normal(*x.shape) * np.where(np.abs(x) > 1e6, np.float32(0.5), np.float32(1))).astype(np.float32)
        g.torch(f"{op}.{name}", op, attrs, {"x": x, "dy": dy}, fn, (5e-6, 1e-5), {"dx": (2e-5, 2e-5)})
    plain = {"sigmoid": torch.sigmoid, "tanh": torch.tanh, "relu": F.relu, "selu": F.selu, "silu": F.silu,
             "softplus": F.softplus, "hardswish": F.hardswish}
    for op, f in plain.items():
        case("ends", op, {}, f, ends if op not in ("silu", "hardswish", "selu") else ends[np.abs(ends) < 1e20])
    case("ends", "mish", {}, F.mish, ends[np.abs(ends) < 1e20])
    case("ends_exact", "gelu", {"approximate": "none"}, lambda x: F.gelu(x), ends[np.abs(ends) < 1e12])
    case("ends_tanh", "gelu", {"approximate": "tanh"}, lambda x: F.gelu(x, approximate="tanh"), ends[np.abs(ends) < 1e12])
    for slope in (0.0, 1.0, -0.5, 3.0):
        case(f"slope{slope}", "leaky_relu", {"slope": slope}, lambda x, s=slope: F.leaky_relu(x, s), ends[np.abs(ends) < 1e38])
    for alpha in (0.0, 1e-3, 7.5):
        case(f"alpha{alpha}", "elu", {"alpha": alpha}, lambda x, a=alpha: F.elu(x, a))
    for op, f in plain.items():
        case("one_value", op, {}, f, np.array([[-0.75]], np.float32))


def softmaxes(g):
    for op, f in (("softmax", torch.softmax), ("log_softmax", torch.log_softmax)):
        def case(name, axis, x, op=op, f=f):
            d = Draw(f"{op}.{name}")

            def fn(t):
                x, = leaf(t, "x")
                y = f(x, axis)
                return {"y": y, **gradients(y, t["dy"], x=x)}
            g.torch(f"{op}.{name}", op, {"axis": axis}, {"x": x, "dy": d.normal(*x.shape)}, fn, (2e-6, 1e-5))
        d = Draw("softmax")
        case("one_value", 1, d.normal(1, 1))
        case("two_classes", -1, d.normal(5, 2, scale=4))
        case("width33", 1, d.normal(3, 33))
        case("width129", -1, d.normal(2, 129, scale=2))
        case("rows_of_images", 2, d.normal(2, 3, 5, 2))
        case("columns_of_images", 3, d.normal(2, 3, 2, 5))
        case("last_of_images", -1, d.normal(1, 2, 3, 7))
        case("one_channel", 1, d.normal(2, 1, 3, 3))
        x = d.normal(4, 5)
        x[0] += 1e5
        x[1, 2] = -3e38
        x[2] = -1e30
        x[3] = [88, 89, 90, -90, 0]
        case("ends", 1, x)


def resizes(g):
    def case(size, out, n=1, c=2):
        for mode, antialias in (("nearest", False), ("bilinear", False), ("bilinear", True), ("area", False)):
            name = f"{'antialias' if antialias else mode}.{size[0]}x{size[1]}_to_{out[0]}x{out[1]}_{n}x{c}"
            d = Draw("resize." + name)

            def fn(t, mode=mode, antialias=antialias):
                x, = leaf(t, "x")
                more = {"align_corners": False, "antialias": antialias} if mode == "bilinear" else {}
                y = F.interpolate(x, tuple(out), mode=mode, **more)
                return {"y": y, **gradients(y, t["dy"], x=x)}
            attrs = {"mode": mode, "antialias": antialias, "align_corners": False, "size": list(out)}
            g.torch("resize." + name, "resize", attrs, {"x": d.uniform(n, c, *size), "dy": d.normal(n, c, *out)}, fn, (1e-5, 1e-5))
    case((1, 1), (1, 1), c=1)
    case((1, 1), (5, 3))
    case((1, 7), (4, 3), n=2, c=1)
    case((6, 1), (1, 5), c=5)
    case((3, 3), (2, 2), n=3, c=4)
    case((2, 2), (3, 3))
    case((31, 5), (3, 29))
    case((7, 7), (6, 8))


def make():
    g = Group("layers")
    for part in (linear, conv2d, pools, shapes, norms, activations, softmaxes, resizes):
        part(g)
    return g
