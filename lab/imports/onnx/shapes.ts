import type { LayerValue, Value } from './builder.ts';
import { constantAt, fault, idOf, layerAt, type Handler, type Operator } from './operator.ts';

/** The mean of each channel once its axes of one pixel are taken away. */
const unpool = (operator: Operator, of: LayerValue): Value | undefined =>
  operator.builder.add('globalAvgPool2d', idOf(operator, 'globalAvgPool'), [of], {}, operator.place);

export const flatten: Handler = (operator) => {
  const source = operator.inputs[0];
  const axis = operator.attributes.int('axis', 1);
  if (source?.kind === 'pooled') return unpool(operator, source.of);
  if (axis !== 1 && !(source?.kind === 'layer' && axis === -source.shape.length)) {
    return fault(operator, `it flattens from axis ${axis} on; only axis 1 is supported`);
  }
  const x = layerAt(operator);
  return x && flat(operator, x);
};

/** Features stay as they are. */
const flat = (operator: Operator, x: LayerValue): Value | undefined =>
  x.shape.length === 1 ? x : operator.builder.add('flatten', idOf(operator, 'flatten'), [x], {}, operator.place);

export const reshape: Handler = (operator) => {
  const target = constantAt(operator, 1, 'shape');
  if (target === undefined) return undefined;
  const source = operator.inputs[0];
  const shape = Array.from(target.values);
  if (operator.attributes.int('allowzero', 0) !== 0 && shape.includes(0))
    return fault(operator, 'it makes an axis of 0 (allowzero), which no image has');
  if (source?.kind === 'grouped') {
    // back from groups to the image; a size of its own in the batch's place is no image of this model
    const { of, groups, eps } = source;
    if (eps === null || shape.length !== 4)
      return fault(operator, 'groups of channels are only read inside a group norm');
    const id = idOf(operator, 'groupNorm');
    return operator.builder.add('groupNorm', id, [of], { groups, eps, affine: false }, operator.place);
  }
  if (shape.length === 2 && source?.kind === 'pooled') return unpool(operator, source.of);
  const x = layerAt(operator);
  if (x === undefined) return undefined;
  const size = x.shape.reduce((product, extent) => product * extent, 1);
  if (shape.length === 2 && (shape[1] === -1 || shape[1] === size)) return flat(operator, x);
  if (shape.length === 3 && x.shape.length === 3 && shape[0] === 0 && shape[1]! > 0) {
    return { kind: 'grouped', of: x, groups: shape[1]!, eps: null };
  }
  return fault(
    operator,
    `it makes the shape [${shape.slice(0, 8).join(', ')}]; only flattening to [N, features] is supported`,
  );
};

export const squeeze: Handler = (operator) => {
  const source = operator.inputs[0];
  const list = operator.inputs[1];
  const axes = list?.kind === 'constant' ? list.constant.values : operator.attributes.ints('axes');
  const taken =
    axes === undefined
      ? '2,3'
      : Array.from(axes, (axis) => (axis < 0 ? axis + 4 : axis))
          .sort((a, b) => a - b)
          .join();
  if (source?.kind === 'pooled' && taken === '2,3') return unpool(operator, source.of);
  return fault(operator, 'only the two axes of a global average can be taken away');
};

export const globalPool: Handler = (operator) => {
  const x = layerAt(operator);
  return x && { kind: 'pooled', of: x };
};

export const reduceMean: Handler = (operator) => {
  const { attributes, opset } = operator;
  const x = layerAt(operator);
  const list = opset < 18 ? attributes.ints('axes') : constantAt(operator, 1, 'list of axes')?.values;
  if (x === undefined || list === undefined) return undefined;
  const axes = Array.from(list, (axis) => (axis < 0 ? axis + 4 : axis)).sort((a, b) => a - b);
  if (x.shape.length !== 3 || axes.join() !== '2,3')
    return fault(operator, 'only the mean over height and width is supported');
  return attributes.int('keepdims', 1) === 0 ? unpool(operator, x) : { kind: 'pooled', of: x };
};
