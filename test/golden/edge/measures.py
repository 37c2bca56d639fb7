"""Diagnostics, metrics, statistics and random numbers with few values, ties, none of a class and arguments far out."""

import math

import numpy as np
import scipy.special as sp
import scipy.stats as st

from common import Draw, Group

UNDEFINED = float("nan")
f64 = lambda a: np.asarray(a, np.float32).astype(np.float64)


def diagnostics():
    g = Group("diagnostics")
    d = Draw("diagnostics")

    def both(id, op, attrs, inputs, outputs, tol=(1e-5, 1e-4), tols=None):
        g.add(id, op, attrs, inputs, outputs, tol, tols, values_tol=(1e-9, 1e-7))

    def summary(name, x, percentiles):
        v = f64(x).reshape(-1)
        m2 = ((v - v.mean()) ** 2).mean()
        both("summary." + name, "summary", {"percentiles": percentiles}, {"x": x},
             {"mean": v.mean(), "std": v.std(), "std_unbiased": v.std(ddof=1), "min": v.min(), "max": v.max(),
              "percentiles": np.percentile(v, percentiles), "zero_fraction": np.mean(v == 0),
              "skewness": ((v - v.mean()) ** 3).mean() / m2 ** 1.5, "kurtosis": ((v - v.mean()) ** 4).mean() / m2 ** 2 - 3,
              "l2_norm": np.sqrt((v * v).sum())})
    whole = [0, 0.1, 33.3, 50, 66.7, 99.9, 100]
    summary("two_values", np.array([3, -1], np.float32), whole)
    summary("three_values", d.normal(3), whole)
    summary("two_kinds", np.array([0, 0, 0, 1], np.float32), whole)
    summary("one_outlier", np.array([0] * 40 + [1e6], np.float32), whole)
    summary("large_offset", d.normal(50, scale=0.5, shift=4096), whole)
    summary("1e15", d.normal(3, 4, scale=1e15), [50])
    summary("both_zeros", np.array([0.0, -0.0, 1.0, -2.0], np.float32), whole)
    summary("1x1_images", d.normal(5, 3, 1, 1), [15, 50, 85])

    def histogram(name, x, lo, hi, bins):
        v = f64(x).reshape(-1)
        counts, _ = np.histogram(v, bins, (lo, hi))
        g.add("histogram." + name, "histogram", {"bins": bins, "range": [lo, hi]}, {"x": x},
              {"counts": counts, "below": np.int64((v < lo).sum()), "above": np.int64((v > hi).sum())}, (0.0, 0.0))
    histogram("one_bin", d.normal(30), -1.0, 1.0, 1)
    histogram("all_outside", d.normal(30, shift=50), -1.0, 1.0, 8)
    histogram("at_both_ends", np.array([-2, -2, 2, 2, 2, 0], np.float32), -2.0, 2.0, 4)
    histogram("one_value", np.array([[0.25]], np.float32), 0.0, 1.0, 4)
    histogram("negative_range", -d.uniform(60, lo=1, hi=9), -8.0, -2.0, 24)
    histogram("eighths", (d.ints(-8, 8, 90) / 8).astype(np.float32), -1.0, 1.0, 16)
    histogram("narrow", d.normal(80, scale=1e-3), -2.0 ** -9, 2.0 ** -9, 32)
    histogram("more_bins_than_values", d.uniform(5), 0.0, 1.0, 256)

    def dead(name, x):
        none = np.all(x == 0, axis=tuple(i for i in range(x.ndim) if i != 1))
        zeros = (x == 0).mean(axis=tuple(i for i in range(x.ndim) if i != 1))
        both("dead_units." + name, "dead_units", {}, {"x": x}, {"dead": none.astype(np.uint8), "dead_fraction": none.mean(), "zero_fraction_per_unit": zeros})
    dead("one_unit", np.zeros((1, 1), np.float32))
    dead("minus_zero", np.array([[-0.0, 1], [0.0, 0]], np.float32))
    dead("one_image", np.maximum(d.normal(1, 6, 2, 3), 0) * np.array([0, 1, 1, 0, 1, 1], np.float32).reshape(1, 6, 1, 1))
    dead("denormal_is_alive", np.array([[1e-45, 0], [0, 0]], np.float32))
    for op, lo in (("sigmoid", 0.0), ("tanh", -1.0)):
        for margin in (0.0, 0.125, 0.5):
            y = (np.array([lo, lo + 0.125, lo + 0.25, 0.5, 0.75, 0.875, 1.0, lo + 0.0625], np.float32)).reshape(2, 4)
            v = f64(y)
            out = (v < lo + margin) | (v > 1 - margin)
            both(f"saturation.{op}_margin_{margin}", "saturation", {"activation": op, "margin": margin}, {"y": y},
                 {"fraction": out.mean(), "fraction_per_unit": out.mean(axis=0)})
    for name, scale in (("1e18", 1e18), ("1e-25", 1e-25), ("none", 0.0)):
        grads = {f"g{i}": d.normal(*s, scale=scale) for i, s in enumerate([(1,), (4, 3), (2, 1, 3, 3)])}
        parts = [math.sqrt((f64(v) ** 2).sum()) for v in grads.values()]
        both("gradient_norm." + name, "gradient_norm", {}, grads, {"per_tensor": np.array(parts), "total": math.hypot(*parts)}, (1e-10, 1e-5))
    for name, w, u in (("no_update", d.normal(3, 4), np.zeros((3, 4), np.float32)), ("two_values", d.normal(2), d.normal(2, scale=1e-7)),
                       ("update_larger", d.normal(5, scale=1e-4), d.normal(5))):
        both("update_ratio." + name, "update_ratio", {}, {"weight": w, "update": u},
             {"l2_ratio": math.sqrt((f64(u) ** 2).sum() / (f64(w) ** 2).sum()), "std_ratio": f64(u).std() / f64(w).std()}, (1e-8, 1e-5))
    for name, p, n, c in (("p_0", 0.0, 20, 3), ("p_0.9", 0.9, 200, 2), ("two_rows", 0.5, 2, 2)):
        x = d.normal(n, c, shift=1)
        mask = np.ones((n, c), np.uint8) if n == 2 else (d.uniform(n, c) >= p).astype(np.uint8)
        v = f64(x)
        train, test = (v * mask / (1 - p)).var(axis=0), v.var(axis=0)
        mean = v.mean(axis=0)
        both("variance_shift." + name, "variance_shift", {"p": p}, {"x": x, "mask": mask},
             {"var_train": train, "var_test": test, "ratio": test / train, "shift": np.maximum(test / train, train / test),
              "mean_shift": np.maximum(test / train, train / test).mean(), "expected_ratio": test / ((mean ** 2 + test) / (1 - p) - mean ** 2)})
    for name, x in (("one_feature", d.normal(9, 1)), ("two_rows_one_feature", d.normal(2, 1)), ("independent", d.normal(300, 2) * np.array([1, 100], np.float32))):
        v = f64(x)
        cov = (v - v.mean(axis=0)).T @ (v - v.mean(axis=0)) / len(v)
        lam = np.linalg.eigvalsh(cov)[::-1]
        share = lam / lam.sum()
        both("covariance." + name, "covariance", {}, {"x": x},
             {"mean": v.mean(axis=0), "covariance": cov, "eigenvalues": lam, "condition_number": lam[0] / lam[-1],
              "effective_rank": np.exp(-(share * np.log(share)).sum()), "participation_ratio": lam.sum() ** 2 / (lam ** 2).sum()},
             (1e-5, 1e-4), {"condition_number": (1e-3, 2e-3)})
    for kind in ("zca", "pca"):
        for name, x, eps in (("one_feature", d.normal(12, 1, scale=3), 1e-5), ("eps_1", d.normal(40, 3), 1.0),
                             ("fewer_rows_than_features", d.normal(3, 5), 0.5), ("constant_feature", d.normal(30, 3) * np.array([1, 0, 2], np.float32), 0.1)):
            if kind == "pca" and name == "fewer_rows_than_features":
                continue    # several eigenvalues of 0: their vectors are anybody's choice
            v = f64(x)
            mean = v.mean(axis=0)
            lam, vec = np.linalg.eigh((v - mean).T @ (v - mean) / len(v))
            lam, vec = lam[::-1], vec[:, ::-1]
            vec = vec * np.sign(vec[np.abs(vec).argmax(axis=0), np.arange(len(lam))])
            w = (vec / np.sqrt(np.maximum(lam, 0) + eps)).T
            w = vec @ w if kind == "zca" else w
            both(f"whitening.{kind}_{name}", "whitening", {"kind": kind, "eps": eps}, {"x": x},
                 {"mean": mean, "matrix": w, "y": (v - mean) @ w.T, "eigenvalues": lam}, (5e-4, 5e-4))
    for name, x in (("one_row", d.normal(1, 4)), ("one_feature", d.normal(6, 1)), ("all_constant", np.full((5, 3), 0.1, np.float32)),
                    ("far_apart", d.normal(30, 3) * np.array([1e-6, 1, 1e6], np.float32))):
        v = f64(x)
        std = v.std(axis=0)
        std[np.ptp(v, axis=0) == 0] = 0
        both("standardize." + name, "standardize", {}, {"x": x}, {"mean": v.mean(axis=0), "std": std, "y": (v - v.mean(axis=0)) / np.where(std == 0, 1, std)}, (1e-4, 1e-4))
    return g


def metrics():
    g = Group("metrics")
    d = Draw("metrics")

    def case(name, logits, labels, bins=15):
        logits, labels = np.asarray(logits, np.float32), np.asarray(labels, np.int32)
        z = f64(logits)
        n, c = z.shape
        pred, rows = z.argmax(axis=1), np.arange(n)
        own = z[rows, labels][:, None]
        rank = (z > own).sum(axis=1) + ((z == own) & (np.arange(c) < labels[:, None])).sum(axis=1)
        confusion = np.zeros((c, c), int)
        np.add.at(confusion, (labels, pred), 1)
        hits, support, guessed = np.diag(confusion).astype(float), confusion.sum(axis=1), confusion.sum(axis=0)
        ratio = lambda a, b: np.divide(a, b, out=np.zeros(c), where=b != 0)
        precision, recall = ratio(hits, guessed), ratio(hits, support)
        f1 = ratio(2 * precision * recall, precision + recall)
        logp = z - sp.logsumexp(z, axis=1, keepdims=True)
        p = np.exp(logp)
        confidence, hit = p.max(axis=1), pred == labels
        # at an edge of a bin rounding decides: p of 1/2 and 1 are exact
        slot = np.clip(np.ceil(confidence * bins).astype(int) - 1, 0, bins - 1)
        ece = sum(abs(hit[slot == b].mean() - confidence[slot == b].mean()) * (slot == b).mean() for b in range(bins) if np.any(slot == b))
        ks = [k for k in (1, 2, 3, 5) if k <= c]
        accuracy = hit.mean()
        g.add("classification." + name, "classification", {"classes": c, "top_k": ks, "ece_bins": bins}, {"logits": logits, "labels": labels},
              {"accuracy": accuracy, "top_k": np.array([(rank < k).mean() for k in ks]), "confusion": confusion, "support": support,
               "precision": precision, "recall": recall, "f1": f1, "macro_precision": precision.mean(), "macro_recall": recall.mean(),
               "macro_f1": f1.mean(), "micro_precision": accuracy, "micro_recall": accuracy, "micro_f1": accuracy,
               "weighted_f1": (f1 * support).sum() / n, "log_loss": -logp[rows, labels].mean(),
               "brier": ((p - np.eye(c)[labels]) ** 2).sum(axis=1).mean(), "ece": ece}, (1e-6, 1e-5), values_tol=(1e-10, 1e-8))
    case("one_image", d.normal(1, 4), [2])
    case("one_class", d.normal(5, 1), [0] * 5)
    case("all_equal", np.zeros((6, 4)), [0, 1, 2, 3, 0, 0])
    case("two_equal_on_a_bin_edge", np.zeros((5, 2)), [0, 1, 1, 0, 1], 10)
    case("all_wrong", np.eye(3)[[1, 2, 0, 1]] * 9, [0, 1, 2, 0])
    case("one_label_only", d.normal(12, 3), [1] * 12)
    case("one_prediction_only", d.normal(12, 3) + np.array([50, 0, 0]), d.ints(0, 2, 12))
    case("one_bin", d.normal(20, 5), d.ints(0, 4, 20), 1)
    case("hundred_bins", d.normal(40, 3, scale=2), d.ints(0, 2, 40), 100)
    case("certain", np.array([[1e5, 0, -1e5], [0, 1e5, 0], [-1e5, 0, 1e5]]), [0, 1, 0])
    case("ties_at_the_top", np.array([[1, 1, 0], [0, 1, 1], [1, 0, 1], [1, 1, 1]], float), [1, 2, 2, 2])
    case("shifted_by_1e4", d.normal(9, 4) + 1e4, d.ints(0, 3, 9))

    def auc(name, scores, labels):
        scores, labels = np.asarray(scores, np.float32), np.asarray(labels, np.int32)
        out = []
        for k in range(scores.shape[1]):
            of, rest = scores[labels == k, k], scores[labels != k, k]
            pairs = (of[:, None] > rest).sum() + 0.5 * (of[:, None] == rest).sum()
            out.append(pairs / (len(of) * len(rest)) if len(of) and len(rest) else UNDEFINED)
        g.add("roc_auc_ovr." + name, "roc_auc_ovr", {"classes": scores.shape[1]}, {"scores": scores, "labels": labels},
              {"auc": np.array(out), "macro_auc": np.nanmean(out)}, (1e-6, 1e-5), values_tol=(1e-12, 1e-10))
    auc("two_images", [[0.9, 0.1], [0.2, 0.8]], [0, 1])
    auc("upside_down", [[0.1, 0.9], [0.8, 0.2], [0.3, 0.7]], [0, 1, 0])
    auc("tie_across", [[0.5, 0.5], [0.5, 0.5], [0.7, 0.3], [0.1, 0.9]], [0, 1, 0, 1])
    auc("both_zeros", [[0.0, 1], [-0.0, 1], [1, -0.0], [1, 0.0]], [0, 1, 0, 1])
    auc("missing_classes", d.uniform(9, 5), d.ints(1, 2, 9))
    auc("1e38", np.array([[3e38, -3e38], [-3e38, 3e38], [0, 0]], np.float32), [0, 1, 1])
    return g


def statistics():
    g = Group("statistics")
    d = Draw("statistics")

    def case(id, op, attrs, inputs, outputs, values_tol=(1e-12, 1e-8)):
        g.add(id, op, attrs, {name: np.asarray(v, np.float32) if not np.issubdtype(np.asarray(v).dtype, np.integer) else v for name, v in inputs.items()},
              outputs, (1e-6, 1e-5), values_tol=values_tol)

    def two(name, x, y, confidence=0.95, low=-0.5, high=0.5, alpha=0.05):
        a, b = f64(x), f64(y)
        va, vb = a.var(ddof=1) / len(a), b.var(ddof=1) / len(b)
        se, diff = math.sqrt(va + vb), a.mean() - b.mean()
        df = (va + vb) ** 2 / (va ** 2 / (len(a) - 1) + vb ** 2 / (len(b) - 1))
        t = diff / se
        case("welch_t." + name, "welch_t", {}, {"x": x, "y": y}, {"t": t, "df": df, "p": 2 * st.t.sf(abs(t), df), "p_greater": st.t.sf(t, df), "p_less": st.t.cdf(t, df)})
        q = st.t.ppf(0.5 + confidence / 2, df)
        case("mean_difference." + name, "mean_difference", {"confidence": confidence}, {"x": x, "y": y},
             {"difference": diff, "se": se, "df": df, "low": diff - q * se, "high": diff + q * se})
        dof = len(a) + len(b) - 2
        pooled = math.sqrt(((len(a) - 1) * a.var(ddof=1) + (len(b) - 1) * b.var(ddof=1)) / dof)
        j = 1 - 3 / (4 * dof - 1)
        effect = j * diff / pooled
        es = math.sqrt((len(a) + len(b)) / (len(a) * len(b)) + effect ** 2 / (2 * (len(a) + len(b))))
        z = sp.ndtri(0.5 + confidence / 2)
        case("hedges_g." + name, "hedges_g", {"confidence": confidence}, {"x": x, "y": y},
             {"d": diff / pooled, "correction": j, "g": effect, "se": es, "low": effect - z * es, "high": effect + z * es})
        tost("tost_welch." + name, "tost_welch", x, y, diff, se, df, low, high, alpha)

    def tost(id, op, x, y, diff, se, df, low, high, alpha):
        tl, th, q = (diff - low) / se, (diff - high) / se, st.t.ppf(1 - alpha, df)
        pl, ph = st.t.sf(tl, df), st.t.cdf(th, df)
        case(id, op, {"low": low, "high": high, "alpha": alpha}, {"x": x, "y": y},
             {"t_low": tl, "t_high": th, "df": df, "p_low": pl, "p_high": ph, "p": max(pl, ph), "ci_low": diff - q * se, "ci_high": diff + q * se,
              "equivalent": np.uint8(max(pl, ph) < alpha)})

    def paired(name, x, y, confidence=0.95, low=-0.5, high=0.5, alpha=0.05):
        delta = f64(x) - f64(y)
        n, diff, se = len(delta), delta.mean(), math.sqrt(delta.var(ddof=1) / len(delta))
        t, q = diff / se, st.t.ppf(0.5 + confidence / 2, n - 1)
        case("paired_t." + name, "paired_t", {"confidence": confidence}, {"x": x, "y": y},
             {"t": t, "df": n - 1.0, "p": 2 * st.t.sf(abs(t), n - 1), "difference": diff, "se": se, "low": diff - q * se, "high": diff + q * se,
              "p_greater": st.t.sf(t, n - 1), "p_less": st.t.cdf(t, n - 1)})
        tost("tost_paired." + name, "tost_paired", x, y, diff, se, n - 1.0, low, high, alpha)
    two("two_each", d.normal(2), d.normal(2, shift=1))
    two("two_and_fifty", d.normal(2), d.normal(50))
    two("one_side_without_variance", [1, 1, 1], [0.5, 2, 1.5, 0.25], 0.99)
    two("variances_far_apart", d.normal(5, scale=1e-3), d.normal(6, scale=1e3), 0.9, -1e3, 1e3)
    two("same_means", [1, 2, 3], [2, 1, 3], 0.5, -5, 5, 0.1)
    two("offset_4096", d.normal(6, shift=4096), d.normal(7, shift=4097), 0.999)
    paired("two", [1.0, 2.0], [0.5, 1.0])
    paired("no_difference_on_average", [1, 2, 3, 4], [2, 1, 4, 3], 0.99, -10, 10, 0.01)
    paired("offset_4096", d.normal(5, shift=4096), d.normal(5, shift=4096), 0.8)
    paired("tiny", d.normal(8, scale=1e-6), d.normal(8, scale=1e-6), 0.95, -1e-6, 1e-6)

    def wilcoxon(name, x, y, method, correction=False):
        delta = f64(x) - f64(y)
        delta = delta[delta != 0]
        n, r = len(delta), st.rankdata(np.abs(delta))
        plus, minus = r[delta > 0].sum(), r[delta < 0].sum()
        w = min(plus, minus)
        if method == "exact":
            counts = np.ones(1)
            for k in range(1, n + 1):
                counts = np.concatenate([counts, np.zeros(k)]) + np.concatenate([np.zeros(k), counts])
            p = min(1.0, 2 * counts[:int(w) + 1].sum() / 2.0 ** n)
        else:
            _, sizes = np.unique(np.abs(delta), return_counts=True)
            mean, variance = n * (n + 1) / 4, n * (n + 1) * (2 * n + 1) / 24 - (sizes ** 3 - sizes).sum() / 48
            away = w - mean
            away -= 0.5 * np.sign(away) if correction else 0
            p = 2 * sp.ndtr(-abs(away) / math.sqrt(variance))
        case(f"wilcoxon.{name}_{method}", "wilcoxon", {"method": method, "correction": correction}, {"x": x, "y": y},
             {"w": w, "w_plus": plus, "w_minus": minus, "p": p})
    wilcoxon("one", [1.0], [0.25], "exact")
    wilcoxon("two", [1.0, -1], [0.25, 0.5], "exact")
    wilcoxon("all_greater", np.arange(1, 9) * 1.5, np.zeros(8), "exact")
    x = d.normal(25)
    wilcoxon("twenty_five", x, d.normal(25, shift=0.3), "exact")
    wilcoxon("forty", d.normal(40), d.normal(40, shift=0.2), "exact")
    wilcoxon("all_ties", np.ones(9), np.zeros(9), "normal")
    wilcoxon("all_ties_corrected", np.ones(9), np.zeros(9), "normal", True)
    wilcoxon("balanced_corrected", [1, -1, 2, -2, 3, -3], np.zeros(6), "normal", True)
    wilcoxon("mostly_zeros", [0, 0, 0, 0, 1, 2, -3], np.zeros(7), "normal")

    def mann_whitney(name, x, y, method, continuity=False):
        a, b = f64(x), f64(y)
        u = (a[:, None] > b).sum() + 0.5 * (a[:, None] == b).sum()
        n1, n2 = len(a), len(b)
        if method == "exact":
            p = st.mannwhitneyu(a, b, method="exact", alternative="two-sided").pvalue
        else:
            _, sizes = np.unique(np.concatenate([a, b]), return_counts=True)
            n = n1 + n2
            s = math.sqrt(n1 * n2 / 12 * (n + 1 - (sizes ** 3 - sizes).sum() / (n * (n - 1))))
            away = max(u, n1 * n2 - u) - n1 * n2 / 2 - (0.5 if continuity else 0)
            p = min(1.0, 2 * sp.ndtr(-away / s))
        case(f"mann_whitney.{name}_{method}", "mann_whitney", {"method": method, "continuity": continuity}, {"x": x, "y": y},
             {"u": u, "u_other": n1 * n2 - u, "p": p})
    mann_whitney("one_and_one", [1.0], [0.5], "exact")
    mann_whitney("one_and_five", [0.35], [0.1, 0.2, 0.3, 0.4, 0.5], "exact")
    mann_whitney("twenty_and_eighteen", d.normal(20), d.normal(18, shift=0.4), "exact")
    mann_whitney("equal_ranks", [1, 4], [2, 3], "exact")
    mann_whitney("equal_ranks", [1, 4], [2, 3], "normal", True)
    mann_whitney("two_values_only", [0, 0, 1, 1, 1], [0, 1, 0, 0], "normal", True)
    mann_whitney("two_values_only_plain", [0, 0, 1, 1, 1], [0, 1, 0, 0], "normal")

    for name, x, stat in (("mean_of_three", d.normal(3), np.mean), ("mean_of_tenths", np.float32([0.1, 0.2, 0.3, 0.7]), np.mean), ("median_even", d.normal(8), np.median), ("std_ties", d.ints(0, 3, 9).astype(np.float32), None)):
        f = stat or (lambda v, axis: np.std(v, axis=axis, ddof=1))
        v, n = f64(x), len(x)
        index = d.ints(0, n - 1, 199, n)
        theta, boot = float(f(v, axis=0)), f(v[index], axis=1)
        jack = np.array([f(np.delete(v, i), axis=0) for i in range(n)])
        u = jack.mean() - jack
        acceleration = (u ** 3).sum() / (6 * (u ** 2).sum() ** 1.5)
        # a resample of the same values in another order is equal, whatever rounding makes of it
        boot = np.where(np.isclose(boot, theta, rtol=0, atol=1e-12 * np.abs(v).max()), theta, boot)
        z0 = sp.ndtri(((boot < theta).sum() + (boot <= theta).sum()) / (2 * len(boot)))
        zs = np.array([sp.ndtri(0.05), sp.ndtri(0.95)])
        levels = sp.ndtr(z0 + (z0 + zs) / (1 - acceleration * (z0 + zs)))
        (lo, hi), (blo, bhi) = np.percentile(boot, [5, 95]), np.percentile(boot, 100 * levels)
        case("bootstrap." + name, "bootstrap", {"statistic": name.split("_")[0], "confidence": 0.9}, {"x": x, "resamples": index},
             {"estimate": theta, "percentile_low": lo, "percentile_high": hi, "z0": z0, "acceleration": acceleration, "bca_low": blo, "bca_high": bhi}, (1e-9, 1e-7))

    for name, p in (("zeros_and_ones", [0, 1, 0, 1, 0.5]), ("all_equal", [0.04] * 6), ("descending", [0.9, 0.5, 0.04, 0.01, 0.001]), ("two", [0.03, 0.02]),
                    ("1e-30", [1e-30, 1e-12, 0.3])):
        v = f64(p)
        m, order = len(v), np.argsort(v, kind="stable")
        holm, bh = np.empty(m), np.empty(m)
        holm[order] = np.minimum(np.maximum.accumulate(v[order] * (m - np.arange(m))), 1)
        bh[order] = np.minimum(np.minimum.accumulate((v[order] * m / np.arange(1, m + 1))[::-1])[::-1], 1)
        case("adjust_p." + name, "adjust_p", {}, {"p": p}, {"holm": holm, "benjamini_hochberg": bh}, (1e-40, 1e-9))

    for name, y in (("3x4_two_each", d.normal(3, 4, 2)), ("5x2", d.normal(5, 2, 3)), ("offset_1000", d.normal(2, 2, 3, shift=1000)), ("far", d.normal(2, 3, 4, scale=1e-3) + np.arange(3, dtype=np.float32)[None, :, None])):
        v = f64(y)
        ka, kb, n = v.shape
        grand, ma, mb, mab = v.mean(), v.mean(axis=(1, 2)), v.mean(axis=(0, 2)), v.mean(axis=2)
        ss = {"a": kb * n * ((ma - grand) ** 2).sum(), "b": ka * n * ((mb - grand) ** 2).sum(), "ab": n * ((mab - ma[:, None] - mb + grand) ** 2).sum()}
        sse, dfe = ((v - mab[:, :, None]) ** 2).sum(), ka * kb * (n - 1)
        out = {"ss_error": sse, "df_error": float(dfe)}
        for k, df in (("a", ka - 1), ("b", kb - 1), ("ab", (ka - 1) * (kb - 1))):
            f = ss[k] / df / (sse / dfe)
            out.update({f"ss_{k}": ss[k], f"df_{k}": float(df), f"f_{k}": f, f"p_{k}": st.f.sf(f, df, dfe), f"partial_eta2_{k}": ss[k] / (ss[k] + sse)})
        case("anova2." + name, "anova2", {}, {"y": y}, out, (1e-11, 1e-7))
    for name, y in (("two_treatments", d.normal(6, 2)), ("two_blocks", d.normal(2, 5)), ("many_ties", d.ints(0, 1, 9, 4).astype(np.float32)), ("ten", d.normal(15, 10))):
        v = f64(y)
        ranks = np.apply_along_axis(st.rankdata, 1, v)
        n, k = ranks.shape
        ties = sum((sizes ** 3 - sizes).sum() for sizes in (np.unique(row, return_counts=True)[1] for row in v))
        chi = (12 / (n * k * (k + 1)) * (ranks.sum(axis=0) ** 2).sum() - 3 * n * (k + 1)) / (1 - ties / (n * k * (k ** 2 - 1)))
        case("friedman." + name, "friedman", {}, {"y": y}, {"chi2": chi, "df": k - 1.0, "p": st.chi2.sf(chi, k - 1), "mean_ranks": ranks.mean(axis=0)}, (1e-11, 1e-8))
    for name, x, y, confidence in (("three_falling", [0, 1, 3], [2, 1.5, -1], 0.9), ("offset_1000", d.uniform(9, lo=1000, hi=1004), d.normal(9), 0.95),
                                   ("two_places", [0, 0, 1, 1], [0.1, 0.3, 1.2, 0.8], 0.99), ("tiny", d.uniform(8) * np.float32(1e-5), d.normal(8, scale=1e5), 0.5)):
        a, b = f64(x), f64(y)
        n, dx = len(a), f64(x) - f64(x).mean()
        slope = (dx * (b - b.mean())).sum() / (dx ** 2).sum()
        intercept = b.mean() - slope * a.mean()
        rest = ((b - intercept - slope * a) ** 2).sum()
        slope_se = math.sqrt(rest / (n - 2) / (dx ** 2).sum())
        intercept_se = slope_se * math.sqrt((a ** 2).mean())
        r = (dx * (b - b.mean())).sum() / math.sqrt((dx ** 2).sum() * ((b - b.mean()) ** 2).sum())
        q = st.t.ppf(0.5 + confidence / 2, n - 2)
        case("linear_regression." + name, "linear_regression", {"confidence": confidence}, {"x": x, "y": y},
             {"slope": slope, "intercept": intercept, "r": r, "r2": r * r, "p": 2 * st.t.sf(abs(slope / slope_se), n - 2), "slope_se": slope_se,
              "intercept_se": intercept_se, "slope_low": slope - q * slope_se, "slope_high": slope + q * slope_se,
              "intercept_low": intercept - q * intercept_se, "intercept_high": intercept + q * intercept_se, "residual_std": math.sqrt(rest / (n - 2))}, (1e-9, 1e-7))
    distributions(case)
    return g


def distributions(case):
    def grid(a, b):
        a, b = np.meshgrid(np.float32(a), np.float32(b), indexing="ij")
        return a.reshape(-1), b.reshape(-1)
    near, far = (1e-14, 1e-9), (1e-290, 1e-7)
    # scipy's own t loses digits at the ends: the incomplete beta function is exact there
    t, df = grid([0, 1e-6, -1e-6, 0.5, -3, 1000, -1e5], [0.5, 1, 1.25, 2, 30, 1e4, 1e6])
    T, D = f64(t), f64(df)
    tail = 0.5 * sp.betainc(D / 2, 0.5, D / (D + T * T))
    near_zero = 0.5 - 0.5 * sp.betainc(0.5, D / 2, T * T / (D + T * T))
    tail = np.where(T * T < D, near_zero, tail)
    case("student_t_cdf.ends", "student_t_cdf", {}, {"t": t, "df": df}, {"cdf": np.where(T < 0, tail, 1 - tail), "sf": np.where(T < 0, 1 - tail, tail)}, (1e-12, 1e-8))
    p, df = grid([1e-12, 1e-7, 0.49, 0.5, 0.51, 0.999999], [1, 1.5, 2, 4, 1e3, 1e5])
    P, D = f64(p), f64(df)
    q = st.t.ppf(P, D)
    for _ in range(4):
        q = q - (st.t.cdf(q, D) - P) / st.t.pdf(q, D)
    q[P == 0.5] = 0
    case("student_t_quantile.ends", "student_t_quantile", {}, {"p": p, "df": df}, {"t": q}, (1e-7, 1e-6))
    z = np.float32([0, 1e-8, -1e-8, 5.9, -5.9, 8.2, -8.2, 37, -37])
    case("normal_cdf.ends", "normal_cdf", {}, {"z": z}, {"cdf": sp.ndtr(f64(z)), "sf": sp.ndtr(-f64(z))}, far)
    p = np.float32([1e-30, 1e-20, 1e-9, 0.02425, 0.02426, 0.49999, 0.50001, 0.97574, 0.97576, 0.9999999])
    case("normal_quantile.ends", "normal_quantile", {}, {"p": p}, {"z": sp.ndtri(f64(p))}, (1e-10, 1e-8))
    f, k = grid([0, 1e-6, 0.01, 1, 30, 1e4], np.arange(6))
    pairs = np.float32([(1, 1), (0.5, 3), (2, 2), (1000, 3), (3, 1000), (60, 60)])
    d1, d2 = pairs[k.astype(int), 0], pairs[k.astype(int), 1]
    A = (f64(f), f64(d1), f64(d2))
    case("f_cdf.ends", "f_cdf", {}, {"f": f, "df1": d1, "df2": d2}, {"cdf": sp.fdtr(A[1], A[2], A[0]), "sf": sp.fdtrc(A[1], A[2], A[0])}, (1e-13, 1e-8))
    x, k = grid([0, 1e-6, 0.5, 40, 900, 1100], [0.1, 1, 2, 50, 1000])
    X, K = f64(x), f64(k)
    case("chi2_cdf.ends", "chi2_cdf", {}, {"x": x, "df": k}, {"cdf": sp.gammainc(K / 2, X / 2), "sf": sp.gammaincc(K / 2, X / 2)}, near)


def philox(counter, key):
    c, k, mask = list(counter), list(key), 0xFFFFFFFF
    for i in range(10):
        k = [(k[0] + 0x9E3779B9) & mask, (k[1] + 0xBB67AE85) & mask] if i else k
        a, b = 0xD2511F53 * c[0], 0xCD9E8D57 * c[2]
        c = [(b >> 32) ^ c[1] ^ k[0], b & mask, (a >> 32) ^ c[3] ^ k[1], a & mask]
    return c


def rng():
    g = Group("rng")
    bits = lambda words: np.array(words, np.uint32).view(np.int32)
    top = 0xFFFFFFFF
    for name, counter, key in (("lowest_one", [1, 0, 0, 0], [0, 0]), ("key_wraps", [0] * 4, [top, top]), ("sign_bits", [1 << 31] * 4, [1 << 31] * 2),
                               ("counter_top", [top, 0, top, 0], [0, 1]), ("key_of_weyl", [5, 6, 7, 8], [0x100000000 - 0x9E3779B9, 0x100000000 - 0xBB67AE85])):
        g.add("philox4x32_10." + name, "philox4x32_10", {}, {"counter": bits(counter), "key": bits(key)}, {"words": bits(philox(counter, key))}, (0.0, 0.0))
    for name, start in (("wraps_to_zero", [top - 1, top, top, top]), ("carries_two", [top, top, 3, 4]), ("carries_three", [top - 2, top, top, 9]), ("one_block", [top, 0, 0, 0])):
        blocks = 1 if name == "one_block" else 6
        n = sum(w << (32 * i) for i, w in enumerate(start))
        words = [w for i in range(blocks) for w in philox([((n + i) >> (32 * j)) & top for j in range(4)], [top, 7])]
        g.add("philox_stream." + name, "philox_stream", {"blocks": blocks}, {"counter": bits(start), "key": bits([top, 7])}, {"words": bits(words)}, (0.0, 0.0))
    words = [0x1FF, 0x200, top - 0xFF, top - 0x100, 0x80000100, 0x7FFFFF00]
    g.add("uniform24.steps", "uniform24", {}, {"words": bits(words)}, {"u": np.array([w >> 8 for w in words]) / 2 ** 24}, (0.0, 0.0))
    e = 2.0 ** -24
    u = np.array([e, e, 2 * e, 1 - e, 1 - 2 * e, 0.5 - e, 1 - e, 0.25 + e, 0.5, 0.75 - e])
    r, a = np.sqrt(-2 * np.log1p(-u[0::2])), 2 * np.pi * u[1::2]
    g.add("box_muller.steps", "box_muller", {}, {"u": u}, {"z": np.stack([r * np.cos(a), r * np.sin(a)], axis=1).reshape(-1)}, (1e-5, 1e-5))
    return g
