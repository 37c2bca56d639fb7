import { add } from './add.ts';
import { avgPool2d } from './avgPool2d.ts';
import { batchNorm } from './batchNorm.ts';
import { concat } from './concat.ts';
import { conv2d } from './conv2d.ts';
import { dense } from './dense.ts';
import { dropout } from './dropout.ts';
import { elu } from './elu.ts';
import { flatten } from './flatten.ts';
import { gelu } from './gelu.ts';
import { globalAvgPool2d } from './globalAvgPool2d.ts';
import { groupNorm } from './groupNorm.ts';
import { hardSwish } from './hardSwish.ts';
import { input } from './input.ts';
import type { LayerDefinition } from './layer.ts';
import { layerNorm } from './layerNorm.ts';
import type { LayerName } from './layerName.ts';
import { leakyRelu } from './leakyRelu.ts';
import { maxPool2d } from './maxPool2d.ts';
import { mish } from './mish.ts';
import { noisyBatchNorm } from './noisyBatchNorm.ts';
import { relu } from './relu.ts';
import { resize } from './resize.ts';
import { selu } from './selu.ts';
import { sigmoid } from './sigmoid.ts';
import { silu } from './silu.ts';
import { softplus } from './softplus.ts';
import { tanh } from './tanh.ts';

// A layer's methods take its own properties; by name, callers hand over whatever that name's schema let through.
const any = <L>(layer: L): LayerDefinition => layer as unknown as LayerDefinition;

/** The catalogue: every layer by name, in the order of a palette. */
export const layers: { readonly [N in LayerName]: LayerDefinition } = {
  input: any(input),
  dense: any(dense),
  conv2d: any(conv2d),
  maxPool2d: any(maxPool2d),
  avgPool2d: any(avgPool2d),
  globalAvgPool2d: any(globalAvgPool2d),
  resize: any(resize),
  flatten: any(flatten),
  batchNorm: any(batchNorm),
  noisyBatchNorm: any(noisyBatchNorm),
  groupNorm: any(groupNorm),
  layerNorm: any(layerNorm),
  dropout: any(dropout),
  sigmoid: any(sigmoid),
  tanh: any(tanh),
  relu: any(relu),
  leakyRelu: any(leakyRelu),
  elu: any(elu),
  selu: any(selu),
  gelu: any(gelu),
  silu: any(silu),
  softplus: any(softplus),
  hardSwish: any(hardSwish),
  mish: any(mish),
  add: any(add),
  concat: any(concat),
};
