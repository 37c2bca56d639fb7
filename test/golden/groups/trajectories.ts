import { Unsupported } from '../errors.ts';
import type { GroupAdapter } from './adapter.ts';

export const trajectories: GroupAdapter = (golden) => Promise.reject(new Unsupported(golden.op));
