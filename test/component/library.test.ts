import { page, userEvent } from 'vitest/browser';
import { beforeEach, describe, expect, it } from 'vitest';
import type { ArchitectureDiff, ArchitectureRecord } from '../../lab/contract/architectureRecords.ts';
import { LabError } from '../../lab/contract/errors.ts';
import type { MethodInput } from '../../lab/contract/methods.ts';
import { paint } from '../../renderer/library/transfer.ts';
import { FakeLab, makeRun, makeSpec, until } from './fakeLab.ts';
import { showApp } from './showApp.ts';

let lab: FakeLab;

const record = (name: string, more: Partial<ArchitectureRecord> = {}): ArchitectureRecord => ({
  id: `a${name.toLowerCase()}`,
  name,
  description: '',
  tags: [],
  createdAt: 1,
  updatedAt: 1,
  latest: {
    version: 2,
    createdAt: 1,
    note: '',
    model: makeSpec().model,
    dataset: 'mnist',
    inputShape: [1, 28, 28],
    classes: 10,
    parameters: 79_510,
    macsPerImage: 79_400,
    weights: null,
    source: 'drawn',
  },
  ...more,
});

const open = (address?: string): ReturnType<typeof showApp> => showApp(lab, address);

beforeEach(async () => {
  localStorage.clear();
  sessionStorage.clear();
  lab = new FakeLab();
  await page.viewport(1280, 800);
});

describe('saved architectures', () => {
  beforeEach(() => {
    lab.architectures = [record('Deep', { tags: ['paper'] }), record('Wide')];
  });

  it('stand beside the templates, can be searched, filtered by tag, and opened', async () => {
    await open();
    await expect.element(page.getByRole('button', { name: 'Open Deep in the builder' })).toBeVisible();
    await page.getByRole('searchbox', { name: 'Search architectures' }).fill('wid');
    await expect.element(page.getByRole('button', { name: 'Open Deep in the builder' })).not.toBeInTheDocument();
    await page.getByRole('searchbox', { name: 'Search architectures' }).fill('');
    await page.getByRole('button', { name: 'paper', exact: true }).click();
    await expect.element(page.getByRole('button', { name: 'Open Wide in the builder' })).not.toBeInTheDocument();
    await page.getByRole('button', { name: 'Open Deep in the builder' }).click();
    await expect.element(page.getByRole('textbox', { name: 'Name of this experiment' })).toHaveValue('Deep');
  });

  it('are renamed in place and deleted with a way back', async () => {
    lab.answers = {
      'architectures.update': ({ name }: { name: string }) => record(name),
      'architectures.delete': () => ({ deleted: ['adeep'] }),
      'architectures.restore': () => ({ restored: ['adeep'] }),
    };
    await open();
    await page.getByRole('button', { name: 'More for Deep' }).click();
    await page.getByRole('menuitem', { name: 'Rename' }).click();
    await page.getByRole('textbox', { name: 'Name', exact: true }).fill('Deeper');
    await userEvent.keyboard('{Enter}');
    await until(() => lab.callsOf('architectures.update').length === 1, 'it is renamed');
    expect(lab.callsOf('architectures.update')).toEqual([{ id: 'adeep', name: 'Deeper' }]);
    await page.getByRole('button', { name: 'More for Deep' }).click();
    await page.getByRole('menuitem', { name: 'Delete' }).click();
    await page.getByRole('button', { name: 'Undo' }).click();
    await until(() => lab.callsOf('architectures.restore').length === 1, 'it is restored');
    expect(lab.callsOf('architectures.restore')).toEqual([{ ids: ['adeep'] }]);
  });

  it('are compared with colour, sign and word', async () => {
    const node = (id: string, layer: string) => ({ id, layer, inputs: [], outputShape: [10], parameters: 5, macs: 5 });
    const diff: ArchitectureDiff = {
      labels: ['Deep, version 1', 'Deep, version 2'],
      entries: [
        { kind: 'same', before: node('in', 'input'), after: node('in', 'input'), matched: 'id', changes: [] },
        { kind: 'added', before: null, after: node('bn', 'batchNorm'), matched: null, changes: [] },
        { kind: 'removed', before: node('old', 'relu'), after: null, matched: null, changes: [] },
        {
          kind: 'changed',
          before: node('d', 'dense'),
          after: node('d', 'dense'),
          matched: 'id',
          changes: [{ name: 'units', before: 10, after: 20 }],
        },
      ],
      before: { nodes: 3, parameters: 100, macs: 100 },
      after: { nodes: 3, parameters: 150, macs: 150 },
    };
    lab.answers = { 'architectures.diff': () => diff };
    await open();
    await page.getByRole('button', { name: 'More for Deep' }).click();
    await page.getByRole('menuitem', { name: /Compare with/ }).click();
    const dialog = page.getByRole('dialog');
    await expect.element(dialog.getByText(/1 added/)).toBeVisible();
    await expect.element(dialog.getByText(/1 removed/)).toBeVisible();
    await expect.element(dialog.getByText(/10 → 20/)).toBeVisible();
    await expect.element(dialog.getByText(/\+50/).first()).toBeVisible();
    expect(lab.callsOf('architectures.diff')).toEqual([
      { before: 'architecture:Deep@1', after: 'architecture:Deep@2' },
    ]);
  });
});

describe('files', () => {
  const drop = (file: File): void => {
    const data = new DataTransfer();
    data.items.add(file);
    window.dispatchEvent(new DragEvent('drop', { dataTransfer: data, bubbles: true, cancelable: true }));
  };
  const read = {
    ...record('x').latest,
    name: 'Net',
    description: '',
    tags: [],
    spec: null,
    hasWeights: true,
    notes: ['A note.'],
  };

  it('that are dropped are read, saved with their weights and opened; large ones go in parts', async () => {
    let gathered = 0;
    lab.answers = {
      'files.put': ({ offset, base64, done }: { offset: number; base64?: string; done?: boolean }) => {
        if (done) return { bytes: 0 };
        expect(offset).toBe(gathered);
        gathered += atob(base64!).length;
        return { bytes: gathered };
      },
      'architectures.read': () => read,
      'architectures.import': () => ({ architecture: record('Net'), notes: ['A note.'] }),
    };
    await open();
    await expect.element(page.getByText('My architectures')).toBeVisible();
    drop(new File([new Uint8Array(7 * 2 ** 20)], 'net.onnx'));
    await until(() => lab.callsOf('architectures.import').length === 1, 'it is imported');
    expect(gathered).toBe(7 * 2 ** 20);
    await expect.element(page.getByRole('textbox', { name: 'Name of this experiment' })).toHaveValue('Net');
    await expect.element(page.getByText(/Net is saved.*A note\./)).toBeVisible();
  });

  it('that are none are told, and what is on the bench stays', async () => {
    await open();
    await page
      .getByRole('button', { name: /Sigmoid MLP/ })
      .first()
      .click();
    lab.answers = {
      'architectures.read': () => {
        throw new Error('bent.onnx: byte 7: the data ends too early.');
      },
    };
    drop(new File([new Uint8Array(9)], 'bent.onnx'));
    await expect.element(page.getByText(/bent\.onnx: byte 7/)).toBeVisible();
    await expect.element(page.getByRole('textbox', { name: 'Name of this experiment' })).toHaveValue('Sigmoid MLP');
  });

  it('are written from the bench in the format that was chosen', async () => {
    lab.answers = {
      'architectures.export': ({ format }: { format: string }) => ({
        file: `net.${format}`,
        mediaType: 'text/plain',
        content: btoa('x'),
        notes: ['What it does not keep.'],
      }),
    };
    await open();
    await page
      .getByRole('button', { name: /Sigmoid MLP/ })
      .first()
      .click();
    await page.getByRole('button', { name: 'Export the model' }).click();
    // what is drawn has no other weights than those that it begins with
    expect(page.getByRole('menuitem', { name: /initial weights/i }).elements()).toHaveLength(0);
    await page.getByRole('menuitem', { name: /ONNX/ }).click();
    await expect.element(page.getByText(/net\.onnx is written\. What it does not keep\./)).toBeVisible();
    expect(lab.callsOf('architectures.export')).toMatchObject([
      { of: { spec: { name: 'Sigmoid MLP' } }, format: 'onnx' },
    ]);
  });

  it('that takes long shows how far it is, and can be cancelled without a complaint', async () => {
    const run = makeRun();
    lab.runs = [run];
    let refuse: (error: Error) => void = () => undefined;
    lab.answers = {
      'architectures.export': () => new Promise((_, reject) => (refuse = reject)),
      'architectures.cancelExport': () => {
        refuse(new LabError('interrupted', 'The job was cancelled.'));
        return { cancelled: true };
      },
    };
    await open(`#/run/${run.id}`);
    await page.getByRole('button', { name: 'Export the model' }).click();
    await page.getByRole('menuitem', { name: 'ONNX with weights .onnx' }).click();
    await until(() => lab.callsOf('architectures.export').length === 1, 'the export');
    const [{ ticket }] = lab.callsOf('architectures.export') as [MethodInput<'architectures.export'>];
    const tell = (done: number, name: string | undefined): void =>
      lab.emit({ name: 'job.progress', data: { job: 'export', done, ticket: name! } });
    // what has been told before there is a notice counts as well
    tell(0.3, ticket);
    const bar = page.getByRole('progressbar', { name: 'The file is being made ready.' });
    await expect.element(bar).toHaveAttribute('aria-valuenow', '30');
    tell(0.6, ticket);
    tell(0.9, 'another');
    await expect.element(bar).toHaveAttribute('aria-valuenow', '60');
    await page.getByRole('button', { name: 'Cancel' }).click();
    expect(lab.callsOf('architectures.cancelExport')).toEqual([{ ticket }]);
    await expect.element(bar).not.toBeInTheDocument();
    expect(document.querySelector('#testbed .notice')).toBeNull();
  });

  it('of a run and of what was saved with weights can hold those that it began with', async () => {
    const run = makeRun();
    lab.runs = [run];
    lab.architectures = [
      record('Bare'),
      record('Kept', { latest: { ...record('Kept').latest, weights: { file: 'w', bytes: 1, hash: 'h' } } }),
    ];
    lab.answers = {
      'architectures.export': ({ format, weights }: { format: string; weights?: string }) => ({
        file: `${weights ?? 'best'}.${format}`,
        mediaType: 'text/plain',
        content: btoa('x'),
        notes: [],
      }),
    };
    await open(`#/run/${run.id}`);
    const choose = async (menu: string, item: string): Promise<void> => {
      await page.getByRole('button', { name: menu }).click();
      await page.getByRole('menuitem', { name: item }).click();
    };
    await choose('Export the model', 'Initial weights .safetensors');
    await expect.element(page.getByText(/initial\.safetensors is written/)).toBeVisible();
    await choose('Export the model', 'ONNX with initial weights .onnx');
    await expect.element(page.getByText(/initial\.onnx is written/)).toBeVisible();
    await choose('Export the model', 'ONNX with weights .onnx');
    await expect.element(page.getByText(/best\.onnx is written/)).toBeVisible();
    const of = `run:${run.id}`;
    const calls = lab.callsOf('architectures.export') as MethodInput<'architectures.export'>[];
    expect(calls.map(({ ticket: _ticket, ...asked }) => asked)).toEqual([
      { of, format: 'safetensors', weights: 'initial' },
      { of, format: 'onnx', weights: 'initial' },
      { of, format: 'onnx' },
    ]);

    await open();
    await choose('Export Kept', 'Initial weights .safetensors');
    await until(() => lab.callsOf('architectures.export').length === 4, 'the fourth export');
    expect(lab.callsOf('architectures.export')[3]).toMatchObject({ of: 'architecture:Kept', weights: 'initial' });
    await page.getByRole('button', { name: 'Export Bare' }).click();
    expect(page.getByRole('menuitem', { name: /initial weights/i }).elements()).toHaveLength(0);
  });

  it('of pictures are painted twice as fine', async () => {
    const svg =
      '<svg xmlns="http://www.w3.org/2000/svg" width="30" height="20"><rect width="30" height="20" fill="red"/></svg>';
    const bitmap = await createImageBitmap(await paint(svg));
    expect([bitmap.width, bitmap.height]).toEqual([60, 40]);
  });
});
