import type { Peer } from './peer.ts';
import { torch } from './torch.ts';

export const peers: readonly Peer[] = [torch];
