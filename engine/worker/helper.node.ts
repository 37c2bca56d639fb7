import { workerData } from 'node:worker_threads';
import { runHelper } from '../cpu/helper.ts';

runHelper(workerData);
