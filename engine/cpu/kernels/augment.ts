import { augmentationSize } from '../../ops/op.ts';
import type { Local } from '../asm/func.ts';
import { ownRows, whole } from '../step.ts';
import { interpolatedPixels } from './augmentBetween.ts';
import { augmentFrame } from './augmentFrame.ts';
import { isMove, movedPixels } from './augmentMove.ts';
import { scalarCost, type CpuKernel } from './kernel.ts';

/**
 * Four pixels of a row at a time: their places in the stored image, the four stored pixels around each (black outside), brightness and
 * contrast, then the transform. An image that is only moved by whole pixels or mirrored takes its bytes as they are.
 */
export const augmentImages: CpuKernel<'augmentImages'> = ({ inputs, outputs }, context) => {
  const pixels = context.tensor(inputs.pixels);
  const indices = context.tensor(inputs.indices);
  const changes = context.tensor(inputs.augmentation);
  const offset = context.tensor(inputs.offset);
  const scale = context.tensor(inputs.scale);
  const x = context.tensor(outputs.x);
  const [, channels = 1, height = 1, width = 1] = x.shape;
  const image = channels * height * width;
  const { rows, rowSize, pixel } = x.layout;
  context.step({
    kind: 'rows',
    name: 'augmentImages',
    rows,
    unit: 'image',
    reads: [whole(pixels), whole(indices), whole(changes), whole(offset), whole(scale)],
    writes: [ownRows(x)],
    cost: scalarCost(rows * image),
    emit: ({ f, from, address }) => {
      const [index, target, own, source] = f.locals('i32', 4) as [Local, Local, Local, Local];
      f.set(index, f.loadI32(f.i32.shl(from, 2), indices.buffer.address));
      f.set(target, address(x));
      // what no pixel stands in is padding
      const blank = (): void => f.zero(target, 4 * rowSize);
      if (rowSize > image) blank();
      f.set(own, f.i32.add(f.i32.mul(from, 4 * augmentationSize), changes.buffer.address));
      f.set(source, f.i32.add(f.i32.mul(index, image), pixels.buffer.address));
      const extents = { channels, height, width };
      const frame = augmentFrame({ f, source, target, own, offset, scale, extents, pixel });
      const move = (): void =>
        f.if(
          f.f32.lt(frame.change('xx'), f.float(0)),
          () => movedPixels(frame, true),
          () => movedPixels(frame, false),
        );
      f.if(
        f.i32.ltS(index, 0),
        () => rowSize > image || blank(),
        () => f.if(isMove(frame), move, () => interpolatedPixels(frame)),
      );
    },
  });
};
