import type { Program } from '../contestant.ts';

/** Another library that trains the same networks. */
export interface Peer {
  readonly name: string;
  /** Why it cannot take part on this machine, or null. */
  missing(): string | null;
  programs(threads: readonly number[]): Program[];
}
