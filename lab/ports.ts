import type {
  BackendName,
  HistogramKind,
  JobInput,
  JobName,
  JobOutput,
  StepProbe,
  TrainingEvent,
} from '../engine/index.ts';
import type { ArchitectureDetails, ArchitectureRecord, ArchitectureVersion } from './contract/architectureRecords.ts';
import type { DatasetRecord, RunDetails, RunRecord, Series, SeriesName } from './contract/records.ts';
import type { Spec } from './spec/schema.ts';

/**
 * What the lab needs from its host. Implementations: Store in db/, the others in node/. Tests use their own.
 * All are asked from one thread; Store is synchronous (SQLite is), so a transaction cannot be interleaved.
 */

export type { StepProbe };

/** Fields of a run that change while it lives. */
export type RunPatch = Partial<Omit<RunRecord, 'id' | 'group' | 'seed' | 'createdAt' | 'specHash' | 'start'>>;

export interface RunFilter {
  readonly search?: string | undefined;
  readonly status?: readonly string[] | undefined;
  readonly group?: string | undefined;
  readonly limit?: number | undefined;
  readonly offset?: number | undefined;
}

/** Curve points to append; parallel arrays, steps ascending. */
export interface SeriesChunk {
  readonly name: SeriesName;
  readonly steps: ArrayLike<number>;
  readonly values: ArrayLike<number>;
  readonly seconds: ArrayLike<number>;
}

export interface CheckpointRecord {
  readonly runId: string;
  readonly role: 'last' | 'best';
  readonly step: number;
  /** File name inside the checkpoints folder. */
  readonly file: string;
  readonly hash: string;
  readonly bytes: number;
  readonly createdAt: number;
}

/** A file of weights that runs start from. */
export interface StoredWeightsRecord {
  /** SHA-256 of its bytes, and its name. */
  readonly hash: string;
  /** File name inside the checkpoints folder. */
  readonly file: string;
  readonly bytes: number;
  readonly createdAt: number;
}

export interface RunEventRecord {
  readonly at: number;
  readonly step: number;
  readonly kind: string;
  readonly text: string;
}

export interface ProbeFilter {
  readonly layers?: readonly string[] | undefined;
  readonly from?: number | undefined;
  readonly to?: number | undefined;
  readonly maxSteps: number;
}
export interface HistogramFilter extends Omit<ProbeFilter, 'layers'> {
  readonly layer: string;
  readonly of: HistogramKind;
}
export interface StoredProbes {
  /** All of them within the range of steps, and the time they took. */
  readonly probes: number;
  readonly seconds: number;
  readonly steps: number[];
  /** Measures in the order of `measureNames` per step; null where the layer was not looked at. May end before a newer measure. */
  readonly layers: readonly { readonly layer: string; readonly measures: readonly (Float32Array | null)[] }[];
}
export type StoredHistograms = readonly {
  readonly step: number;
  readonly low: number;
  readonly high: number;
  readonly counts: Int32Array;
}[];
/** A name with its first version. */
export interface NewArchitecture extends Pick<ArchitectureRecord, 'id' | 'name' | 'description' | 'tags'> {
  readonly version: ArchitectureVersion;
}
export interface ArchitecturePatch extends Partial<Pick<ArchitectureRecord, 'name' | 'description' | 'tags'>> {
  readonly updatedAt: number;
}
export interface ArchitectureFilter {
  readonly search?: string | undefined;
  readonly tag?: string | undefined;
}

export interface Store {
  insertRun(run: RunRecord, spec: Spec): void;
  updateRun(id: string, patch: RunPatch): RunRecord;
  /** Deleted ones are not found. */
  getRun(id: string): RunDetails | null;
  /** Ids of undeleted runs that begin with `prefix`. */
  findRuns(prefix: string): string[];
  /** Groups with an undeleted run that begin with `prefix`. */
  findGroups(prefix: string): string[];
  /** Newest first. */
  listRuns(filter: RunFilter): { runs: RunRecord[]; total: number };
  groupRuns(group: string): RunRecord[];
  markDeleted(ids: readonly string[], at: number | null): string[];
  /** Removes runs deleted before `before` for good; returns the files that nothing names any more: checkpoints, stored weights. */
  purgeDeleted(before: number): string[];
  appendSeries(id: string, chunks: readonly SeriesChunk[]): void;
  /** Drops points after `step`, and what was seen at steps that a run going on from there makes again. */
  truncateSeries(id: string, step: number): void;
  readSeries(id: string, names?: readonly SeriesName[]): Series[];
  /** Replaces what is there of the same steps. */
  appendProbes(id: string, probes: readonly StepProbe[]): void;
  /** Thinned to `maxSteps`, evenly; the first and last step are kept. */
  readProbes(id: string, filter: ProbeFilter): StoredProbes;
  readHistograms(id: string, filter: HistogramFilter): StoredHistograms;
  appendEvent(id: string, event: RunEventRecord): void;
  /** Replaces the record of the same run and role; returns the file that it replaced, if another. */
  putCheckpoint(record: CheckpointRecord): string | null;
  getCheckpoint(id: string, role: 'last' | 'best'): CheckpointRecord | null;
  /** Forgets the checkpoints of a run; returns the files that nothing names any more. */
  dropCheckpoints(id: string): string[];
  /** Every file that a record names, of what is deleted too: checkpoints, stored weights, weights of architectures. */
  checkpointFiles(): string[];
  /** Of the same hash there is one record. */
  putStoredWeights(record: StoredWeightsRecord): void;
  getStoredWeights(hash: string): StoredWeightsRecord | null;
  /** How a run, deleted ones among them, came to start from these weights; null: none did. */
  startWith(hash: string): RunRecord['start'];
  /** Throws LabError 'state' for a name that is taken. */
  insertArchitecture(architecture: NewArchitecture): void;
  /** A version is written once and never changed. */
  addArchitectureVersion(id: string, version: ArchitectureVersion): void;
  updateArchitecture(id: string, patch: ArchitecturePatch): void;
  /** Deleted ones are not found. */
  getArchitecture(id: string): ArchitectureDetails | null;
  /** Ids of undeleted ones with this name, or else whose id begins so. */
  findArchitectures(text: string): string[];
  /** Latest changed first. */
  listArchitectures(filter: ArchitectureFilter): ArchitectureRecord[];
  markArchitecturesDeleted(ids: readonly string[], at: number | null): string[];
  /** Removes those deleted before `before` for good; returns their files of weights. */
  purgeArchitectures(before: number): string[];
  getSetting(key: string): unknown;
  setSetting(key: string, value: unknown): void;
  /** All writes of `body` or none. */
  transaction<T>(body: () => T): T;
  close(): void;
}

export interface TrainRequest {
  readonly runId: string;
  readonly spec: Spec;
  readonly threads: number;
  readonly resumeFrom: Uint8Array | null;
  /** Stored weights that the spec starts from; left out or null: it starts from none, or resumes from its own checkpoint. */
  readonly start?: Uint8Array | null;
  /** Instead of what the spec asks for: where a run that goes on, or is replayed, was trained before. */
  readonly backend?: BackendName;
  /** Of a replay: the forms of kernels that the run recorded, so that sums have the same order. */
  readonly forms?: Readonly<Record<string, string>>;
}
export interface TrainingHandle {
  pause(): void;
  resume(): void;
  stop(): void;
  /** Ends the worker at once. */
  kill(): Promise<void>;
}
export interface Trainer {
  /** Starts a worker. `listener` gets every event; a worker that dies without a last word gives 'failed' with code 'unexpected'. */
  start(request: TrainRequest, listener: (event: TrainingEvent) => void): TrainingHandle;
}

/** What a job is about: a run as its spec says, from initial weights or from a checkpoint. */
export interface JobRequest {
  readonly spec: Spec;
  readonly threads: number;
  readonly checkpoint: Uint8Array | null;
  /** Stored weights that the spec starts from; the lab adds them where a job needs them. */
  readonly start?: Uint8Array | null;
}
/** What an analysis of a checkpoint gives. */
export type AnalysisResult = JobOutput<'analysis'>;
export type JobOptions<N extends JobName> = Omit<JobInput<N>, 'training'>;
export interface JobWatch {
  readonly signal?: AbortSignal;
  /** `done` from 0 to 1. */
  readonly progress?: (done: number, what: string | null) => void;
}
/** Computes things about runs beside them, off the thread that answers. */
export interface Jobs {
  /** Throws a LabError: what the job throws, 'interrupted' when it was cancelled, 'threads' when its thread died. */
  run<N extends JobName>(
    name: N,
    /** null for a job that is about the machine alone. */
    request: JobRequest | null,
    options: JobOptions<N>,
    watch?: JobWatch,
  ): Promise<JobOutput<N>>;
  /** Cancels what is running. */
  close(): Promise<void>;
}

/** Files of checkpoints, stored weights and weights of architectures: written to a temporary name, synced, renamed. */
export interface CheckpointFiles {
  write(name: string, bytes: Uint8Array): Promise<void>;
  /** Throws a LabError that names the file when it is missing or cannot be read. */
  read(name: string): Promise<Uint8Array>;
  remove(name: string): Promise<void>;
  /** Names of the files of that kind that lie there: those of the lab, none that anybody else put there. */
  list(): Promise<string[]>;
}

export interface Datasets {
  list(): Promise<DatasetRecord[]>;
  /** Of the training file unless `split` says otherwise. */
  samples(
    id: string,
    offset: number,
    count: number,
    split?: 'train' | 'test',
  ): Promise<{ pixels: Uint8Array; labels: Uint8Array; shape: number[] }>;
  /** All labels of a file, u8 [count]. Not for writing. */
  labels(id: string, split: 'train' | 'test'): Promise<Uint8Array>;
}

export interface Clock {
  /** Milliseconds since 1970, UTC. */
  now(): number;
}

export interface Machine {
  readonly cores: number;
  readonly platform: string;
  readonly home: string;
  readonly backend: string;
}
