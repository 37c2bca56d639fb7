import { analyseClassification, type ClassificationAnalysis } from '../../analysis/classification.ts';
import { analyseLandscape, type Landscape, type LandscapeOptions } from '../../analysis/landscape.ts';
import { analyseNoiseScale, type NoiseScale } from '../../analysis/noiseScale.ts';
import {
  analysePredictiveness,
  type Predictiveness,
  type PredictivenessOptions,
} from '../../analysis/predictiveness.ts';
import type { TrainingJob } from '../protocol.ts';
import type { JobContext } from './job.ts';

/** What is asked about a network at a checkpoint. */
export type AnalysisRequest =
  | { readonly kind: 'classification'; readonly wrongImages: number }
  | ({ readonly kind: 'landscape' } & LandscapeOptions)
  | ({ readonly kind: 'predictiveness' } & PredictivenessOptions)
  | { readonly kind: 'noiseScale'; readonly batches: number };

export interface AnalysisInput {
  readonly training: TrainingJob;
  readonly request: AnalysisRequest;
}

export type Analysis =
  | { readonly kind: 'classification'; readonly result: ClassificationAnalysis }
  | { readonly kind: 'landscape'; readonly result: Landscape }
  | { readonly kind: 'predictiveness'; readonly result: Predictiveness }
  | { readonly kind: 'noiseScale'; readonly result: NoiseScale };

export async function runAnalysis({ training, request }: AnalysisInput, context: JobContext): Promise<Analysis> {
  switch (request.kind) {
    case 'classification':
      return { kind: request.kind, result: await analyseClassification(training, request.wrongImages, context) };
    case 'landscape':
      return { kind: request.kind, result: await analyseLandscape(training, request, context) };
    case 'predictiveness':
      return { kind: request.kind, result: await analysePredictiveness(training, request, context) };
    case 'noiseScale':
      return { kind: request.kind, result: await analyseNoiseScale(training, request.batches, context) };
  }
}
