import type { Template } from '../contract/records.ts';
import { specSchema } from '../spec/schema.ts';
import { cnnFashion } from './cnnFashion.ts';
import { globalPooling } from './globalPooling.ts';
import { lenet } from './lenet.ts';
import { mlpSigmoid } from './mlpSigmoid.ts';
import { prependSmall } from './prependSmall.ts';
import { residual } from './residual.ts';
import type { TemplateSource } from './template.ts';
import { vggSmall } from './vggSmall.ts';

/** In the order of a gallery. The same specs lie in examples/ as files. */
export const templateSources: readonly TemplateSource[] = [
  mlpSigmoid,
  cnnFashion,
  lenet,
  vggSmall,
  residual,
  globalPooling,
  prependSmall,
];

/** Whole specs to start from, defaults filled in. */
export const templates: readonly Template[] = templateSources.map(({ id, title, summary, spec }) => ({
  id,
  title,
  summary,
  spec: specSchema.parse(spec),
}));
