import { jax } from './jax.ts';
import type { Peer } from './peer.ts';
import { tfjs } from './tfjs.ts';
import { torch } from './torch.ts';

export const peers: readonly Peer[] = [torch, tfjs, jax];
