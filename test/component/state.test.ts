import { flushSync } from 'svelte';
import { beforeEach, describe, expect, it } from 'vitest';
import type { Link } from '../../renderer/link/link.ts';
import { ColorState } from '../../renderer/state/colors.svelte.ts';
import { CompareState } from '../../renderer/state/compare.svelte.ts';
import { RunCurves } from '../../renderer/state/curves.svelte.ts';
import { DraftState, parseSeeds } from '../../renderer/state/draft.svelte.ts';
import { NoticeState } from '../../renderer/state/notices.svelte.ts';
import type { RunRecord } from '../../lab/contract/records.ts';
import { paceOf, type Pace } from '../../lab/contract/spec.ts';
import { knownEnd } from '../../renderer/views/axes.ts';
import { etaSeconds, shareOf } from '../../renderer/state/progress.ts';
import { parseRoute, printRoute } from '../../renderer/state/route.svelte.ts';
import { merge, RunsState } from '../../renderer/state/runs.svelte.ts';
import { LabError } from '../../lab/contract/errors.ts';
import { FakeLab, fakeLink, makeRun, makeSpec, mnist, until } from './fakeLab.ts';

let lab: FakeLab;
let link: Link;
let cut: () => void;
let fail: (error: Error | null) => void;
beforeEach(() => {
  localStorage.clear();
  lab = new FakeLab();
  ({ link, cut, fail } = fakeLink(lab));
});

describe('the link', () => {
  it('connects again by itself, and refuses calls meanwhile', async () => {
    const states: string[] = [];
    link.onState((state) => states.push(state));
    await until(() => states.at(-1) === 'open', 'open');
    const heard: string[] = [];
    link.onEvent((event) => heard.push(event.name));
    fail(new Error('down'));
    cut();
    await expect(link.call('app.info', {})).rejects.toMatchObject({ code: 'disconnected' });
    fail(null);
    await until(() => states.at(-1) === 'open', 'open again');
    expect(states.slice(states.indexOf('open'))).toEqual(['open', 'lost', 'open']);
    lab.emit({ name: 'run.deleted', data: { ids: [] } });
    expect(heard).toEqual(['run.deleted']);
    link.close();
  });

  it('holds calls back until the first connection', async () => {
    expect((await link.call('app.info', {})).cores).toBe(2);
  });
});

describe('the history', () => {
  const open = async (): Promise<{ runs: RunsState; notices: NoticeState }> => {
    const notices = new NoticeState();
    const runs = new RunsState(link, notices);
    await until(() => runs.loaded && runs.list.length === lab.runs.length, 'runs are read');
    return { runs, notices };
  };

  it('reads a long history in pages, newest first', async () => {
    lab.runs = Array.from({ length: 2500 }, () => makeRun()).reverse();
    const { runs } = await open();
    expect(runs.list).toHaveLength(2500);
    expect(runs.list[0]!.createdAt).toBeGreaterThan(runs.list[1]!.createdAt);
    expect(lab.callsOf('runs.list').length).toBe(3);
  });

  it('keeps what changes while the pages of a long history come', async () => {
    lab.runs = Array.from({ length: 300 }, () => makeRun({ status: 'running' })).reverse();
    const [changed, deleted] = lab.runs as [RunRecord, RunRecord];
    const pages = [...lab.runs];
    lab.answers = {
      'runs.list': async ({ offset = 0, limit = 1000 }) => {
        if (offset > 0) {
          lab.emit({ name: 'run.changed', data: { run: { ...changed, status: 'finished' } } });
          lab.emit({ name: 'run.deleted', data: { ids: [deleted.id] } });
          // changes are gathered for a while
          await new Promise((resolve) => setTimeout(resolve, 300));
        }
        return { runs: pages.slice(offset, offset + limit), total: pages.length };
      },
    };
    const runs = new RunsState(link, new NoticeState());
    await until(() => runs.list.length === 299, 'all pages but the deleted run');
    expect(runs.get(changed.id)!.status).toBe('finished');
    expect(runs.get(deleted.id)).toBeUndefined();
  });

  it('takes in changes, many at a time', async () => {
    const run = makeRun({ status: 'running', step: 0 });
    lab.runs = [run];
    const { runs } = await open();
    for (let step = 1; step <= 50; step++) lab.change(run.id, { step });
    await until(() => runs.get(run.id)?.step === 50, 'the last step is shown');
    const fresh = makeRun();
    lab.runs.push(fresh);
    lab.emit({ name: 'run.changed', data: { run: fresh } });
    await until(() => runs.list.length === 2, 'the new run is shown');
    expect(runs.list[0]!.id).toBe(fresh.id);
  });

  it('deletes at once and brings back by undo', async () => {
    lab.runs = [makeRun(), makeRun()];
    const { runs, notices } = await open();
    const [first] = lab.runs;
    runs.selected.set(first!.id, true);
    await runs.delete([first!.id]);
    expect(runs.list).toHaveLength(1);
    expect(runs.selected.size).toBe(0);
    expect(notices.list[0]!.text).toBe('1 run deleted.');
    notices.list[0]!.act!.perform();
    await until(() => runs.list.length === 2, 'the run is back');
  });

  it('tags many runs, and says what the lab refused', async () => {
    lab.runs = [makeRun({ tags: ['a'] }), makeRun()];
    const { runs, notices } = await open();
    await runs.retag(
      lab.runs.map((run) => run.id),
      ['b'],
      ['a'],
    );
    expect(runs.list.map((run) => run.tags)).toEqual([['b'], ['b']]);
    expect(runs.tags).toEqual(['b']);
    lab.refusals.set('runs.pause', new LabError('state', 'It does not run.'));
    await runs.pause(lab.runs[0]!.id);
    expect(notices.list.at(-1)).toMatchObject({ kind: 'bad', text: 'It does not run.' });
  });

  it('reads anew after a lost connection', async () => {
    lab.runs = [makeRun()];
    const { runs } = await open();
    lab.runs.unshift(makeRun());
    cut();
    await until(() => runs.list.length === 2, 'what was missed is there');
  });

  it('merges in place', () => {
    const [a, b] = [makeRun(), makeRun()];
    const list = [b, a];
    expect(merge(list, [{ ...a, step: 7 }])[1]!.step).toBe(7);
    expect(merge([], [a, b]).map((run) => run.id)).toEqual([b.id, a.id]);
  });
});

describe('the curves of a run', () => {
  it('joins what was read with what comes, drops what a resume made void, and changes its axis', async () => {
    const run = makeRun({ stepsPerEpoch: 10, batchSize: 60 });
    lab.series.set(run.id, [{ name: 'train.loss', steps: [1, 2], values: [2, 1], seconds: [0.1, 0.2] }]);
    const pace = paceOf(run, null, []);
    const curves = new RunCurves(run.id, link, new NoticeState());
    await until(() => curves.loaded, 'curves are read');
    lab.progress(run.id, 'train.loss', [2, 3, 4], [9, 0.5, 0.25]);
    await until(() => curves.version > 1, 'new points are told');
    expect([...curves.points('train.loss', 'step', pace)]).toEqual([1, 2, 2, 1, 3, 0.5, 4, 0.25]);
    expect([...curves.points('train.loss', 'epoch', pace)].filter((_, i) => i % 2 === 0)).toEqual(
      [0.1, 0.2, 0.3, 0.4].map((x) => expect.closeTo(x, 9) as number),
    );
    expect(curves.points('train.loss', 'images', pace)[0]).toBe(60);
    expect(curves.points('test.loss', 'step', pace)).toHaveLength(0);
    lab.emit({
      name: 'run.series',
      data: { id: run.id, truncatedTo: 2, series: [{ name: 'train.loss', steps: [3], values: [7], seconds: [1] }] },
    });
    lab.emit({
      name: 'run.series',
      data: { id: 'other', series: [{ name: 'train.loss', steps: [9], values: [9], seconds: [9] }] },
    });
    await until(() => curves.version > 2, 'the cut is told');
    expect([...curves.points('train.loss', 'step', pace)]).toEqual([1, 2, 2, 1, 3, 7]);
    curves.close();
    lab.progress(run.id, 'train.loss', [10], [1]);
    expect(curves.points('train.loss', 'step', pace)).toHaveLength(6);
  });

  it('places the epochs of stages with other batches each by its own, and so the end of a run that was stopped', async () => {
    const run = makeRun({ totalSteps: 60, step: 30, status: 'stopped', stepsPerEpoch: 20, batchSize: 30 });
    const pace: Pace = [
      { firstStep: 0, endStep: 20, batchSize: 60, stepsPerEpoch: 10 },
      { firstStep: 20, endStep: 60, batchSize: 15, stepsPerEpoch: 40 },
    ];
    lab.series.set(run.id, [
      { name: 'train.loss', steps: [10, 20, 40, 60], values: [4, 3, 2, 1], seconds: [1, 2, 3, 4] },
    ]);
    const curves = new RunCurves(run.id, link, new NoticeState());
    await until(() => curves.loaded, 'curves are read');
    expect([...curves.points('train.loss', 'epoch', pace)]).toEqual([1, 4, 2, 3, 2.5, 2, 3, 1]);
    expect([...curves.points('train.loss', 'images', pace, 40)]).toEqual([600, 4, 1200, 3, 1500, 2]);
    expect(knownEnd(run, 'epoch', pace)).toBe(2.25);
    expect(knownEnd(run, 'images', pace)).toBe(1350);
    expect(knownEnd({ ...run, status: 'running' }, 'epoch', pace)).toBe(3);
    expect(knownEnd(run, 'step', pace)).toBe(30);
    expect(knownEnd(run, 'seconds', pace)).toBeNull();
    curves.close();
  });

  it('grows beyond its first room', async () => {
    const curves = new RunCurves('r', link, new NoticeState());
    await until(() => curves.loaded, 'curves are read');
    const steps = Array.from({ length: 5000 }, (_, i) => i + 1);
    lab.progress(
      'r',
      'train.loss',
      steps,
      steps.map((step) => 1 / step),
    );
    const points = curves.points('train.loss', 'step', []);
    expect(points).toHaveLength(10_000);
    expect(points.at(-2)).toBe(5000);
  });
});

describe('the draft', () => {
  it('takes steps back and forth; typing in one field is one step', async () => {
    const draft = new DraftState(link);
    draft.datasets = [mnist];
    expect(draft.reason).toBe('Choose a template first');
    draft.open(makeSpec());
    expect(draft.reason).toBeNull();
    draft.edit('batch', (spec) => (spec.training.batchSize = 1));
    draft.edit('batch', (spec) => (spec.training.batchSize = 12));
    draft.edit('batch', (spec) => (spec.training.batchSize = 128));
    draft.edit('', (spec) => (spec.model.batchNorm = 'before'));
    draft.edit('', (spec) => (spec.model.batchNorm = 'before'));
    draft.undo();
    expect(draft.spec?.model.batchNorm).toBe('asDrawn');
    draft.undo();
    expect(draft.spec?.training.batchSize).toBe(60);
    expect(draft.canUndo).toBe(false);
    draft.redo();
    expect(draft.spec?.training.batchSize).toBe(128);
    draft.edit('', (spec) => (spec.name = 'New'));
    expect(draft.canRedo).toBe(false);
    draft.clear();
    draft.undo();
    expect(draft.spec?.name).toBe('New');
  });

  it('gives the first fault as the reason, and asks the lab for the rest', async () => {
    const draft = new DraftState(link);
    draft.datasets = [mnist];
    draft.open(makeSpec((spec) => (spec.model.nodes = spec.model.nodes.filter((node) => node.id !== 'flatten'))));
    expect(draft.reason).toContain('dense1');
    await until(() => draft.labFaults.length > 0, 'the lab has answered');
    draft.undo();
    draft.setSeeds('1, x');
    expect(parseSeeds('1, x').fault).toContain('"x"');
  });

  it('has all its steps again after a reload', async () => {
    localStorage.clear();
    sessionStorage.clear();
    const before = new DraftState(link);
    before.open(makeSpec());
    for (let units = 1; units <= 600; units++) {
      before.edit('', (spec) => (spec.model.nodes[2]!.props = { units }), `Units ${units}`);
    }
    before.undo();
    before.edit('', (spec) => spec.model.nodes.splice(3, 1), 'Remove sigmoid1');
    before.undo();
    await before.stored();
    const after = new DraftState(link);
    await after.restore();
    expect(after.spec).toEqual(before.spec);
    expect([after.undoLabel, after.redoLabel]).toEqual(['Units 599', 'Remove sigmoid1']);
    after.redo();
    expect(after.spec?.model.nodes.map((node) => node.id)).toEqual(['image', 'flatten', 'dense1', 'classes']);
    while (after.canUndo) after.undo();
    expect(after.spec).toEqual(makeSpec());
    // steps belong to one draft: another one that was stored meanwhile has none
    sessionStorage.removeItem('ablate.draft');
    localStorage.setItem('ablate.draft', JSON.stringify(makeSpec((spec) => (spec.name = 'Other'))));
    const other = new DraftState(link);
    await other.restore();
    expect([other.spec?.name, other.canUndo]).toEqual(['Other', false]);
  });

  it('remembers what was selected at each step', () => {
    const draft = new DraftState(link);
    draft.open(makeSpec());
    draft.select(['dense1', 'sigmoid1']);
    draft.edit('', (spec) => (spec.model.nodes[3]!.layer = 'relu'), 'Swap', ['sigmoid1']);
    draft.select([]);
    draft.undo();
    expect(draft.selection).toEqual(['dense1', 'sigmoid1']);
    draft.redo();
    expect(draft.selected).toBe('sigmoid1');
  });

  it('is there again after a reload, if the lab still takes it', async () => {
    const before = new DraftState(link);
    before.open(makeSpec((spec) => (spec.name = 'Kept')));
    const after = new DraftState(link);
    await after.restore();
    expect(after.spec?.name).toBe('Kept');
    sessionStorage.removeItem('ablate.draft');
    localStorage.setItem('ablate.draft', '{"broken":1}');
    const broken = new DraftState(link);
    await broken.restore();
    expect(broken.spec).toBeNull();
  });

  it.each([
    ['1', [1]],
    ['1, 2 3;4', [1, 2, 3, 4]],
    ['5-8', [5, 6, 7, 8]],
    ['1..3, 2', [1, 2, 3]],
  ])('reads the seeds %s', (text, seeds) => expect(parseSeeds(text)).toEqual({ seeds, fault: null }));

  it.each(['', 'a', '-1', '1.5', '3-1', '0-1000', '99999999999999999999'])('refuses the seeds "%s"', (text) => {
    expect(parseSeeds(text).fault).not.toBeNull();
  });
});

describe('a comparison', () => {
  it('asks again while its runs train, one call at a time, and keeps the answer meanwhile', async () => {
    const run = makeRun({ status: 'running' });
    lab.runs = [run];
    lab.comparison = {
      arms: [{ id: run.id, label: 'A', runs: [run], pace: [...paceOf(run, null, [])] }],
      baseline: run.id,
      specDifferences: [],
      sideEffects: [],
      curves: [],
      table: [],
    };
    const compare = new CompareState(link);
    compare.ask({ arms: [run.id], baseline: null, reach: { series: 'validation.accuracy', value: 0.9 } });
    await until(() => compare.answer !== null, 'the first answer');
    expect(lab.callsOf('compare.get')).toHaveLength(1);
    for (let i = 0; i < 20; i++) lab.change(run.id, { step: i });
    await until(() => lab.callsOf('compare.get').length === 2, 'it asks again');
    lab.change(makeRunIn(lab).id, { step: 1 });
    lab.refusals.set('compare.get', new LabError('notFound', 'Gone.'));
    compare.ask({ arms: [run.id, 'x'], baseline: 'y', reach: { series: 'validation.accuracy', value: 0.9 } });
    await until(() => compare.error !== null, 'the refusal is told');
    expect(compare.answer).not.toBeNull();
    expect(lab.callsOf('compare.get').at(-1)).not.toHaveProperty('baseline');
    compare.close();
  });

  const makeRunIn = (target: FakeLab): { id: string } => {
    const other = makeRun();
    target.runs.push(other);
    return other;
  };
});

describe('small things', () => {
  it('reads and prints addresses', () => {
    expect(parseRoute('#/compare/a,b%20c')).toEqual({ view: 'compare', ids: ['a', 'b c'] });
    expect(parseRoute('#token=abc')).toEqual({ view: 'build', ids: [] });
    expect(parseRoute('#/run')).toEqual({ view: 'build', ids: [] });
    expect(parseRoute('#/runs/%E0%A4%A')).toEqual({ view: 'runs', ids: ['%E0%A4%A'] });
    expect(printRoute({ view: 'compare', ids: ['a', 'b c'] })).toBe('#/compare/a,b%20c');
  });

  it('gives each experiment a colour that stays, and different ones side by side', () => {
    const colors = new ColorState();
    const first = colors.of('a');
    expect(colors.of('b')).not.toBe(first);
    expect(new ColorState().of('a')).toBe(first);
    const many = colors.together([...'abcdefgh']);
    expect(new Set(many).size).toBe(8);
    expect(many[0]).toBe(first);
    const repeated = colors.together(['a', 'a']);
    expect(repeated[0]).not.toBe(repeated[1]);
  });

  it('estimates the time to go', () => {
    const run = makeRun({ status: 'running', step: 250, totalSteps: 1000, seconds: 5 });
    expect(etaSeconds(run)).toBe(15);
    expect(shareOf(run)).toBe(0.25);
    expect(etaSeconds({ ...run, step: 0 })).toBeNull();
    expect(etaSeconds({ ...run, status: 'finished' })).toBeNull();
    expect(shareOf({ ...run, totalSteps: null })).toBeNull();
    // of a fork at step 150, which made a hundred steps of its own
    const start = { firstStep: 150 } as RunRecord['start'];
    expect(etaSeconds({ ...run, start })).toBeCloseTo(37.5);
    const evaluation = { split: 'validation', done: 100, images: 500, secondsLeft: 8 } as const;
    expect(etaSeconds(run, evaluation)).toBe(23);
    expect(etaSeconds({ ...run, step: 1000 }, { ...evaluation, split: 'test' })).toBe(8);
  });

  it('does not repeat a complaint', () => {
    const notices = new NoticeState();
    notices.complain(new Error('Broken.'));
    notices.complain(new Error('Broken.'));
    flushSync();
    expect(notices.list).toHaveLength(1);
  });
});
