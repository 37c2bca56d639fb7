import { formatShape, sizeOf } from '../tensor.ts';
import { plainOp, type OpCheck, type OpDefinition } from './definition.ts';
import { augmentationSize, type OpInputs, type OpOutputs, type TensorId } from './op.ts';

function checkScale(check: OpCheck, slot: string, tensor: TensorId, image: number): void {
  const shape = check.ranked(slot, tensor, 'f32', 1);
  if (shape === undefined || shape[0] === 1 || shape[0] === image) return;
  check.fault(`${slot} is ${formatShape(shape)}; it takes 1 value or one per pixel (${image})`);
}

function checkImages(
  { inputs, outputs }: { inputs: OpInputs<'gatherImages'>; outputs: OpOutputs<'gatherImages'> },
  check: OpCheck,
): void {
  const pixels = check.ranked('pixels', inputs.pixels, 'u8', 4);
  const indices = check.ranked('indices', inputs.indices, 'i32', 1);
  if (pixels === undefined || indices === undefined) return;
  const image = pixels.slice(1);
  checkScale(check, 'offset', inputs.offset, sizeOf(image));
  checkScale(check, 'scale', inputs.scale, sizeOf(image));
  check.tensor('x', outputs.x, 'f32', [indices[0]!, ...image]);
}

export const gatherImages = plainOp<'gatherImages'>(checkImages);

export const augmentImages = plainOp<'augmentImages'>((instance, check) => {
  checkImages(instance, check);
  const indices = check.ranked('indices', instance.inputs.indices, 'i32', 1);
  if (indices === undefined) return;
  check.tensor('augmentation', instance.inputs.augmentation, 'f32', [indices[0]!, augmentationSize]);
});

function checkRows(check: OpCheck, rows: TensorId, indices: TensorId, x: TensorId): void {
  const stored = check.ranked('rows', rows, 'f32', 4);
  const list = check.ranked('indices', indices, 'i32', 1);
  if (stored !== undefined && list !== undefined) check.tensor('x', x, 'f32', [list[0]!, ...stored.slice(1)]);
}

export const gatherRows = plainOp<'gatherRows'>(({ inputs, outputs }, check) =>
  checkRows(check, inputs.rows, inputs.indices, outputs.x),
);

export const scatterRows: OpDefinition<'scatterRows'> = {
  verify: ({ inputs }, check) => checkRows(check, inputs.rows, inputs.indices, inputs.x),
  inPlace: ({ inputs }) => [inputs.rows],
  gradient: null,
};

export const gatherLabels = plainOp<'gatherLabels'>(({ inputs, outputs }, check) => {
  check.ranked('labels', inputs.labels, 'u8', 1);
  const indices = check.ranked('indices', inputs.indices, 'i32', 1);
  if (indices !== undefined) check.tensor('target', outputs.target, 'i32', indices);
});
