/** A contestant in a page: index.html?who=ablate|tfjs|jax[&storage=f16]. The benchmark (racers.ts) asks through `globalThis.racer`. */
import { webGpu } from '../../engine/host/backends.web.ts';
import { answering, type Reply, type Request, type Server } from '../children/answer.ts';

/** What the page offers to who drives the browser. */
export interface PageRacer {
  /** Resolves with the contestant's versions once it is ready; rejects with its reason. */
  readonly hello: Promise<string>;
  ask(request: Request): Promise<Reply>;
}

const query = new URLSearchParams(location.search);

async function start(): Promise<Server> {
  switch (query.get('who')) {
    case 'ablate':
      return (await import('../networks/ablate.ts')).gpuServer(webGpu, query.get('storage') === 'f16' ? 'f16' : 'f32');
    case 'tfjs':
      // in this order: the kernels and gradients register themselves with the core
      await import('@tensorflow/tfjs-core');
      await import('@tensorflow/tfjs-core/dist/register_all_gradients');
      await import('@tensorflow/tfjs-backend-webgpu');
      return (await import('../networks/tfjs.ts')).tfjsServer('webgpu');
    case 'jax':
      return (await import('../networks/jax.ts')).jaxServer('webgpu', query.get('version') ?? 'of unknown version');
    default:
      throw new Error('index.html?who=ablate, tfjs or jax');
  }
}

const server = start();
const racer: PageRacer = {
  hello: server.then(({ note }) => note),
  ask: (request) => answer.then((reply) => reply(request)),
};
const answer = server.then(answering);
// told by whoever waits for `hello`
answer.catch(() => undefined);
Object.assign(globalThis, { racer });
