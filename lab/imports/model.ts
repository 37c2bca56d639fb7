import { specSchema } from '../spec/schema.ts';

/** The model part of a spec. */
export const modelSchema = specSchema.shape.model;
