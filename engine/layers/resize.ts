import { defineLayer, isImage, needsImage } from './layer.ts';
import { largestExtent } from './window.ts';

/** [C, H, W] to [C, size]. */
export const resize = defineLayer({
  name: 'resize',
  title: 'Resize',
  category: 'shape',
  summary: 'Brings images to another height and width.',
  help: 'Interpolates every channel to a given size, larger or smaller. Placed right behind the input, it trains a network on smaller images than the data set has.',
  props: {
    size: {
      kind: 'pair',
      label: 'Size',
      help: 'Height and width of the result.',
      unit: 'px',
      default: [14, 14],
      min: 1,
      max: largestExtent,
    },
    mode: {
      kind: 'choice',
      label: 'Method',
      help: 'nearest copies pixels; bilinear mixes the four around a point; with antialiasing, shrinking takes every pixel into account; area averages (adaptive average pooling).',
      options: [
        { value: 'nearest', label: 'Nearest pixel' },
        { value: 'bilinear', label: 'Bilinear' },
        { value: 'bilinearAntialias', label: 'Bilinear with antialiasing' },
        { value: 'area', label: 'Area average' },
      ],
      default: 'bilinearAntialias',
    },
  },
  describe: ({ size, mode }) => `${size.join('×')}, ${modeWords[mode]}`,
  shape: ({ size }, [input], self) => (isImage(input!.shape) ? [input!.shape[0]!, ...size] : needsImage(self, input!)),
  lower({ mode }, context) {
    context.emit({
      op: 'resize',
      attrs: { mode },
      inputs: { x: context.inputs[0]! },
      outputs: { y: context.output },
    });
  },
});

const modeWords = {
  nearest: 'nearest',
  bilinear: 'bilinear',
  bilinearAntialias: 'bilinear, antialiased',
  area: 'area',
} as const;
