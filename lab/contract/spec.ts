/** The spec as the contract knows it: shells and the database take it from here. */
export { specSchema, specVersion } from '../spec/schema.ts';
export type { Spec, SpecInput } from '../spec/schema.ts';
export { stageSettings } from '../spec/stages.ts';
