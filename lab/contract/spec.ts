/** The spec as the contract knows it: shells and the database take it from here. */
export { specSchema, specVersion } from '../spec/schema.ts';
export type { Spec, SpecInput } from '../spec/schema.ts';
export { epochsAfter, imagesAfter, paceOf } from '../spec/pace.ts';
export type { Pace } from '../spec/pace.ts';
export { stageSettings } from '../spec/stages.ts';
