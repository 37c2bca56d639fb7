/** Opening files of any kind that the lab reads: specs, architectures, ONNX. */
import type { AppState } from '../state/app.svelte.ts';
import { withUpload } from './transfer.ts';

export function chooseFile(app: AppState): void {
  const input = document.createElement('input');
  input.type = 'file';
  input.accept = '.json,.onnx,application/json';
  input.addEventListener('change', () => {
    const file = input.files?.[0];
    if (file) void openFile(app, file);
  });
  input.click();
}

/**
 * A spec opens on the bench. An architecture, or an ONNX file with its weights, is saved among the architectures and opens on the
 * bench. What is wrong with a file is told, and nothing changes.
 */
export async function openFile(app: AppState, file: File): Promise<void> {
  try {
    await withUpload(app.link, file, async (content) => {
      const found = await app.link.call('architectures.read', { file: file.name, content });
      if (found.spec) {
        app.draft.open(found.spec);
        app.route.go('build');
        app.notices.say([`${file.name} is on the bench.`, ...found.notes].join(' '));
        return;
      }
      const { architecture, notes } = await app.link.call('architectures.import', { file: file.name, content });
      await app.library.read();
      const { latest, name } = architecture;
      const fits = app.datasets.find(
        (each) =>
          each.id === latest.dataset ||
          (each.imageShape.join() === latest.inputShape?.join() && each.classes.length === latest.classes),
      );
      const dataset = fits?.id ?? app.datasets[0]?.id ?? 'mnist';
      const { spec } = await app.link.call('spec.check', {
        spec: { ablate: 1, name, data: { dataset }, model: latest.model, training: { optimizer: { kind: 'adam' } } },
      });
      if (spec) app.draft.open(spec);
      app.route.go('build');
      const weights = latest.weights ? ' with its weights' : '';
      const images =
        fits || latest.inputShape === null
          ? []
          : [`It was made for images of ${latest.inputShape.join('×')}; no data set here has these.`];
      app.notices.say([`${name} is saved${weights} and on the bench.`, ...images, ...notes].join(' '));
    });
  } catch (error) {
    app.notices.complain(error);
  }
}
