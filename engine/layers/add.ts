import { defineLayer, describeShape } from './layer.ts';

/** Sum of two or more equal shapes, from left to right. */
export const add = defineLayer({
  name: 'add',
  title: 'Add',
  category: 'merge',
  summary: 'Sums nodes of the same shape.',
  help: 'Adds its inputs value by value. As a shortcut around some layers it makes a residual block: the layers only learn what to change.',
  reference: {
    text: 'He, Zhang, Ren & Sun, Deep residual learning for image recognition, 2015',
    url: 'https://arxiv.org/abs/1512.03385',
  },
  inputs: { min: 2, max: null },
  props: {},
  shape(_props, inputs, self) {
    const first = inputs[0]!;
    const other = inputs.find(({ shape }) => shape.join() !== first.shape.join());
    if (other === undefined) return first.shape;
    return {
      fault: `${self} adds equal shapes, but ${first.id} gives ${describeShape(first.shape)} and ${other.id} ${describeShape(other.shape)}; bring both to one shape, for instance with a 1×1 convolution on the shortcut.`,
    };
  },
  lower(_props, context) {
    const { inputs } = context;
    let sum = inputs[0]!;
    inputs.slice(1).forEach((b, i) => {
      const last = i === inputs.length - 2;
      const y = last ? context.output : context.tensor(`partial${i + 1}`, context.shape(sum), 'f32');
      context.emit({ op: 'add', attrs: {}, inputs: { a: sum, b }, outputs: { y } });
      sum = y;
    });
  },
});
