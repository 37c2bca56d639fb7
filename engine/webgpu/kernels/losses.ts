import type { ElementwiseLossName } from '../../ops/op.ts';
import type { GpuArray, GpuContext, GpuKernel, GpuTensor } from '../kernel.ts';
import { f32, infinities, sumAll } from '../wgsl.ts';
import { exponentials } from './math.ts';

interface RowLoss {
  readonly label: string;
  readonly rows: number;
  readonly read: Readonly<Record<string, GpuArray | undefined>>;
  /** The gradient, by its name in `row`; undefined where it is not asked for. */
  readonly gradient: Readonly<Record<string, GpuArray | undefined>>;
  readonly loss: GpuTensor;
  readonly functions: string;
  /** WGSL of what row `r` adds to the divisor, or a number: the divisor itself. */
  readonly divisor: string | number;
  /** Statements for row `n`, which know `divisor` and set `value`, the row's part of the loss before it is divided. */
  readonly row: string;
}

/**
 * loss = sum of the rows' values / divisor. Every workgroup works out the divisor for itself, which is cheaper than to wait
 * for one that does; then one invocation per row; a last workgroup adds the rows up, if it was not one that had them all. No
 * counted row: the loss is 0.
 */
function rowLoss(context: GpuContext, of: RowLoss): void {
  const { label, rows, read, gradient, loss, functions, divisor } = of;
  const threads = context.tuning.rowThreads;
  const divide =
    typeof divisor === 'number'
      ? `\n  let divisor = ${f32(divisor)};`
      : `
  var share = 0.0;
  for (var r = lid; r < ${rows}u; r += ${threads}u) { share += ${divisor}; }
  let divisor = sum_all(lid, share);`;
  if (rows <= threads) {
    context.dispatch({
      label,
      read,
      write: { ...gradient, loss },
      functions: functions + sumAll(context.tuning),
      body: `${divide}
  let n = lid;
  var value = 0.0;
  if (n < ${rows}u) {
${of.row}
  }
  let total = sum_all(lid, value);
  if (lid != 0u) { return; }
  if (divisor == 0.0) { loss[0] = 0.0; } else { loss[0] = total / divisor; }`,
      threads,
      groups: 1,
    });
    return;
  }
  const values = context.workspace(rows);
  context.dispatch({
    label,
    read,
    write: { ...gradient, values },
    functions: functions + sumAll(context.tuning),
    body: `${divide}
  let n = group * ${threads}u + lid;
  if (n >= ${rows}u) { return; }
  var value = 0.0;
${of.row}
  values[n] = value;`,
    threads,
    groups: Math.ceil(rows / threads),
  });
  context.dispatch({
    label: `${label} sum`,
    read: { ...read, values },
    write: { loss },
    functions: functions + sumAll(context.tuning),
    body: `${divide}
  var sum = 0.0;
  for (var r = lid; r < ${rows}u; r += ${threads}u) { sum += values(r); }
  let total = sum_all(lid, sum);
  if (lid != 0u) { return; }
  if (divisor == 0.0) { loss[0] = 0.0; } else { loss[0] = total / divisor; }`,
    threads,
    groups: 1,
  });
}

export const softmaxCrossEntropy: GpuKernel<'softmaxCrossEntropy'> = ({ attrs, inputs, outputs }, context) => {
  const logits = context.tensor(inputs.logits);
  const classWeight = context.optional(inputs.classWeight);
  const dlogits = context.optional(outputs.dlogits);
  const [rows, classes] = logits.shape as [number, number];
  const s = attrs.labelSmoothing;
  const smooth = s > 0;
  const weight = (k: string): string => (classWeight ? `class_weight(${k})` : '1.0');
  const total = classWeight
    ? `var all_weights = 0.0;
  for (var k = 0u; k < ${classes}u; k++) { all_weights += class_weight(k); }`
    : `let all_weights = ${classes}.0;`;
  const soft = smooth ? ` + ${f32(s / classes)} * (p * all_weights - ${weight('k')})` : '';
  rowLoss(context, {
    label: 'softmaxCrossEntropy',
    rows,
    read: { logits, classes: context.tensor(inputs.target), class_weight: classWeight },
    gradient: { dlogits },
    loss: context.tensor(outputs.loss),
    functions: `${infinities}
fn row_weight(r: u32) -> f32 {
  let t = classes(r);
  if (t < 0) { return 0.0; }
  return ${weight('u32(t)')};
}`,
    divisor: attrs.reduction === 'mean' ? 'row_weight(r)' : 1,
    row: `
  let t = classes(n);
  let begin = n * ${classes}u;
  if (t < 0) {
    ${dlogits ? `for (var k = 0u; k < ${classes}u; k++) { dlogits[begin + k] = 0.0; }` : ''}
  } else {
    var largest = minus_infinity();
    for (var k = 0u; k < ${classes}u; k++) { if (logits(begin + k) > largest) { largest = logits(begin + k); } }
    var sum = 0.0;
    for (var k = 0u; k < ${classes}u; k++) { sum += exp(logits(begin + k) - largest); }
    let log_sum = log(sum);
    let own = ${weight('u32(t)')};
    value = ${f32(1 - s)} * own * (log_sum - (logits(begin + u32(t)) - largest));
    ${
      smooth
        ? `var spread = 0.0;
    for (var k = 0u; k < ${classes}u; k++) { spread += ${weight('k')} * (log_sum - (logits(begin + k) - largest)); }
    value += ${f32(s / classes)} * spread;`
        : ''
    }
    ${
      dlogits
        ? `${smooth ? total : ''}
    for (var k = 0u; k < ${classes}u; k++) {
      let p = exp(logits(begin + k) - largest) / sum;
      dlogits[begin + k] = (${f32(1 - s)} * own * (p - select(0.0, 1.0, k == u32(t)))${soft}) / divisor;
    }`
        : ''
    }
  }`,
  });
};

/** Expressions of the prediction x and the target t. Comparisons are turned so that NaN passes through. */
const formulas: Record<ElementwiseLossName, { value(delta: number): string; derivative(delta: number): string }> = {
  mse: { value: () => '(x - t) * (x - t)', derivative: () => '2.0 * (x - t)' },
  mae: { value: () => 'abs(x - t)', derivative: () => 'direction(x - t)' },
  huber: {
    value: (delta) =>
      `select(${f32(delta)} * (abs(x - t) - ${f32(delta / 2)}), 0.5 * (x - t) * (x - t), abs(x - t) <= ${f32(delta)})`,
    derivative: (delta) =>
      `select(select(x - t, ${f32(delta)}, x - t > ${f32(delta)}), ${f32(-delta)}, x - t < ${f32(-delta)})`,
  },
  binaryCrossEntropy: {
    value: () => 'select(0.0, x, !(x <= 0.0)) - x * t + log1p_unit(exp(-abs(x)))',
    derivative: () => 'sigmoid(x) - t',
  },
};

export const elementwiseLoss: GpuKernel<'elementwiseLoss'> = ({ attrs, inputs, outputs }, context) => {
  const prediction = context.tensor(inputs.prediction);
  const wanted = context.tensor(inputs.target);
  const gradient = context.optional(outputs.dprediction);
  const rows = prediction.shape[0]!;
  const size = prediction.size / rows;
  const byClass = wanted.shape.length === 1;
  const { reduction, delta = 1 } = attrs;
  const { value, derivative } = formulas[attrs.fn];
  const ignored = byClass ? 'wanted(n) < 0' : 'false';
  const counted = byClass ? `select(${f32(size)}, 0.0, wanted(r) < 0)` : rows * size;
  rowLoss(context, {
    label: `elementwiseLoss ${attrs.fn}`,
    rows,
    read: { prediction, wanted },
    gradient: { gradient },
    loss: context.tensor(outputs.loss),
    functions: `${exponentials}
fn direction(d: f32) -> f32 { return select(select(d, 1.0, d > 0.0), -1.0, d < 0.0); }`,
    divisor: { mean: counted, sum: 1, rowMeans: size }[reduction],
    row: `
  let ignored = ${ignored};
  for (var k = 0u; k < ${size}u; k++) {
    let at = n * ${size}u + k;
    let x = prediction(at);
    let t = ${byClass ? 'select(0.0, 1.0, wanted(n) == i32(k))' : 'wanted(at)'};
    if (!ignored) { value += ${value(delta)}; }
    ${gradient ? `if (ignored) { gradient[at] = 0.0; } else { gradient[at] = (${derivative(delta)}) / divisor; }` : ''}
  }`,
  });
};

export const multiMarginLoss: GpuKernel<'multiMarginLoss'> = ({ attrs, inputs, outputs }, context) => {
  const { p, margin, reduction } = attrs;
  const logits = context.tensor(inputs.logits);
  const dlogits = context.optional(outputs.dlogits);
  const [rows, classes] = logits.shape as [number, number];
  rowLoss(context, {
    label: 'multiMarginLoss',
    rows,
    read: { logits, classes: context.tensor(inputs.target) },
    gradient: { dlogits },
    loss: context.tensor(outputs.loss),
    functions: '',
    divisor: reduction === 'mean' ? `select(${classes}.0, 0.0, classes(r) < 0)` : classes,
    row: `
  let t = classes(n);
  let begin = n * ${classes}u;
  var slopes = 0.0;
  for (var k = 0u; k < ${classes}u; k++) {
    ${dlogits ? 'dlogits[begin + k] = 0.0;' : ''}
    if (t < 0 || i32(k) == t) { continue; }
    let short = ${f32(margin)} - logits(begin + u32(t)) + logits(begin + k);
    // turned so that NaN counts
    if (short <= 0.0) { continue; }
    value += ${p === 1 ? 'short' : 'short * short'};
    let slope = ${p === 1 ? '1.0' : '2.0 * short'};
    slopes += slope;
    ${dlogits ? 'dlogits[begin + k] = slope / divisor;' : ''}
  }
  ${dlogits ? 'if (t >= 0) { dlogits[begin + u32(t)] = -slopes / divisor; }' : ''}`,
  });
};

export const countCorrect: GpuKernel<'countCorrect'> = ({ inputs, outputs }, context) => {
  const logits = context.tensor(inputs.logits);
  const [rows, classes] = logits.shape as [number, number];
  const threads = context.tuning.rowThreads;
  context.dispatch({
    label: 'countCorrect',
    read: { logits, classes: context.tensor(inputs.target) },
    write: { correct: context.tensor(outputs.correct) },
    functions: `${sumAll(context.tuning)}
/** The first largest logit is the target's; a row with a NaN has no largest. */
fn wins(n: u32, t: u32) -> bool {
  let score = logits(n * ${classes}u + t);
  for (var k = 0u; k < ${classes}u; k++) {
    let other = logits(n * ${classes}u + k);
    if (k < t && !(other < score)) { return false; }
    if (k > t && !(other <= score)) { return false; }
  }
  return true;
}`,
    body: `
  var count = 0.0;
  for (var n = lid; n < ${rows}u; n += ${threads}u) {
    let t = classes(n);
    if (t >= 0) { if (wins(n, u32(t))) { count += 1.0; } }
  }
  let total = sum_all(lid, count);
  if (lid == 0u) { correct[0] = total; }`,
    threads,
    groups: 1,
  });
};
