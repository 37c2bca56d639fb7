import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { errorCatalogue } from '../../lab/contract/errors.ts';
import type { RunRecord } from '../../lab/contract/records.ts';
import { parse, parseSeeds } from '../../node/cli/args.ts';
import { commands } from '../../node/cli/commands/index.ts';
import { exitCodes } from '../../node/cli/exitCodes.ts';
import { jsonFault } from '../../lab/imports/jsonFault.ts';
import { bytes, counted, duration, loss, percent, short, significant, whole } from '../../node/cli/print/format.ts';
import { bar, LiveBlock, Pace, progressLine } from '../../node/cli/print/progress.ts';
import { cut, pad, printable, table, widthOf } from '../../node/cli/print/table.ts';
import { styleFor, wantsColour } from '../../node/cli/print/terminal.ts';
import { memoryTerminal, runHere } from './cliHere.ts';

describe('where JSON is broken', () => {
  const cases: [string, string][] = [
    ['', ':1:1: line 1, column 1: the file is empty; a spec is an object { ... }.'],
    ['{"a": 1,}', ":1:8: line 1, column 8: a comma before '}' is one too many; take it out."],
    ['{\n  "a": [1, 2\n  "b": 3\n}', ":3:3: line 3, column 3: expected ',' or ']' (opened in line 2), found '\"'."],
    [
      "{'a': 1}",
      ":1:2: line 1, column 2: expected a name in double quotes, found '''; JSON puts text in double quotes.",
    ],
    ['{"a" 1}', ":1:6: line 1, column 6: expected ':' after the name, found '1'."],
    ['{"a": tru}', ":1:7: line 1, column 7: expected a value, found 'tru'."],
    ['{"a": 01}', ":1:8: line 1, column 8: this number is not written as JSON wants it: '1' does not belong here."],
    ['{"a": "x\n"}', ':1:7: line 1, column 7: this text has no closing double quote in its line.'],
    ['{"a": "\\x"}', ':1:8: line 1, column 8: "\\\\x" is no escape of JSON; a backslash itself is \\\\.'],
    ['{"a": 1', ":1:8: line 1, column 8: expected ',' or '}' (opened in line 1), found the end of the file."],
    ['{"a": 1} // note', ":1:10: line 1, column 10: expected the end of the file, found '/'."],
    ['{ // note\n}', ":1:3: line 1, column 3: expected a name in double quotes, found '/'; JSON has no comments."],
    [
      '{"a": "\u0007"}',
      ':1:8: line 1, column 8: a control character stands in a text; write it as an escape (\\t, \\u0007).',
    ],
  ];
  for (const [text, message] of cases) {
    it(`is told for ${JSON.stringify(text)}`, () => {
      expect(() => JSON.parse(text) as unknown).toThrow();
      expect(jsonFault(text)).toBe(message);
    });
  }

  it('is always somewhere when JSON.parse refuses a text, and nesting does not overflow the stack', () => {
    const good = JSON.stringify({ a: [1, -2.5e3, 'x\n"\\', true, null, { b: {} }], ü: [] });
    for (let i = 0; i < good.length; i++) {
      for (const broken of [
        good.slice(0, i),
        good.slice(0, i) + good.slice(i + 1),
        `${good.slice(0, i)},${good.slice(i)}`,
      ]) {
        let refused = false;
        try {
          JSON.parse(broken);
        } catch {
          refused = true;
        }
        if (refused)
          expect([broken, jsonFault(broken)]).toEqual([broken, expect.stringMatching(/^:\d+:\d+: /) as string]);
        else expect(jsonFault(broken)).toBe(': is no JSON');
      }
    }
    expect(jsonFault('['.repeat(100_000))).toMatch(/nested more than 500 levels/);
  });
});

describe('numbers', () => {
  it('have digits that mean something, and units', () => {
    expect([0, 999, 1000, 60000, 1234567].map(whole)).toEqual(['0', '999', '1,000', '60,000', '1,234,567']);
    expect([0, 9999, 10_000, 99_710, 1_234_567, 4.04e6, 9.996e8].map(short)).toEqual([
      '0',
      '9,999',
      '10.0 k',
      '99.7 k',
      '1.23 M',
      '4.04 M',
      '1.00 G',
    ]);
    expect(percent(0.97314)).toBe('97.31 %');
    expect([0.2914, 2.30259, 0.00001234, 0].map(loss)).toEqual(['0.2914', '2.3026', '0.0000123', '0.0000']);
    expect([0.0123, 4.26, 59.94, 59.96, 83.2, 3600, 7300, 200_000].map(duration)).toEqual([
      '12 ms',
      '4.3 s',
      '59.9 s',
      '1 min 00 s',
      '1 min 23 s',
      '1 h 00 min',
      '2 h 02 min',
      '2 d 07 h',
    ]);
    expect([0, 999, 47_040_016, 1.5e9].map(bytes)).toEqual(['0 B', '999 B', '47.0 MB', '1.50 GB']);
    expect([significant(7.0833, 2), significant(1e-9, 3), significant(123456, 2), significant(Infinity, 2)]).toEqual([
      '7.1',
      '1.00e-9',
      '120,000',
      'Infinity',
    ]);
    expect([counted(1, 'run'), counted(2, 'run'), counted(0, 'class', 'classes')]).toEqual([
      '1 run',
      '2 runs',
      '0 classes',
    ]);
    expect([whole(null), percent(null), duration(null)]).toEqual(['-', '-', '-']);
  });
});

describe('tables', () => {
  const { terminal } = memoryTerminal();

  it('line up, numbers right, colours not counted', () => {
    const style = styleFor(true);
    const columns = [{ title: 'name' }, { title: 'steps', align: 'right' as const }];
    const text = table(
      columns,
      [
        [style.good('a'), '1'],
        ['longer', '1,000'],
      ],
      terminal.out,
    );
    expect(text).toContain('\u001b');
    expect(text.split('\n').map((line) => widthOf(line))).toEqual([13, 13, 13, 0]);
  });

  it('give way in the flexible column on a narrow screen only', () => {
    const columns = [{ title: 'id' }, { title: 'name', flexible: true }];
    const rows = [['1', 'a very long name indeed']];
    const narrow = memoryTerminal({ live: true, width: 16 }).terminal.out;
    expect(table(columns, rows, narrow).split('\n')[1]).toBe('1   a very long…');
    expect(table(columns, rows, memoryTerminal({ width: 16 }).terminal.out)).toContain('a very long name indeed');
    expect([cut('abcdef', 4), cut('abc', 4), pad('a', 3, 'right'), pad('abcd', 3)]).toEqual([
      'abc…',
      'abc',
      '  a',
      'abcd',
    ]);
  });

  it("do not let a run's name steer the terminal", () => {
    expect(printable('a\u001b[2Jb\nc\u0007\u202ed')).toBe('ab c  d');
  });
});

describe('colours', () => {
  it('follow NO_COLOR, FORCE_COLOR and the screen', () => {
    expect(wantsColour({}, true)).toBe(true);
    expect(wantsColour({}, false)).toBe(false);
    expect(wantsColour({ NO_COLOR: '1', FORCE_COLOR: '1' }, true)).toBe(false);
    expect(wantsColour({ NO_COLOR: '' }, true)).toBe(true);
    expect(wantsColour({ FORCE_COLOR: '1' }, false)).toBe(true);
    expect(wantsColour({ FORCE_COLOR: '0' }, true)).toBe(false);
    expect(wantsColour({ TERM: 'dumb' }, true)).toBe(false);
  });
});

describe('progress', () => {
  const run = {
    id: 'r1',
    name: 'Sigmoid MLP',
    dataset: 'mnist',
    seed: 1,
    fold: null,
    step: 500,
    totalSteps: 1000,
    imagesPerSecond: 66_400,
    metrics: { trainLoss: 0.412, validationAccuracy: 0.912 },
  } as unknown as RunRecord;
  const style = styleFor(false);

  it('says all of it where there is room and the most important where there is little', () => {
    expect(progressLine(run, 8.42, 200, style)).toBe(
      '  Sigmoid MLP, seed 1  ━━━━━━━━━━──────────   50 %  500/1,000 steps  66.4 k images/s  loss 0.4120  validation 91.20 %  8.4 s left',
    );
    for (const width of [120, 100, 80, 60, 40])
      expect(widthOf(progressLine(run, 8, width, style))).toBeLessThanOrEqual(width);
    expect(progressLine(run, 8, 60, style)).toContain('validation 91.20 %');
    expect(progressLine(run, 8, 10, style)).toBe('  Sigmoid MLP, seed 1   50 %');
  });

  it('says that a run evaluates and how far that is, with the time that is left of it at the end of a run', () => {
    const done = { ...run, step: 1000 };
    const test = { split: 'test', done: 4200, images: 10_000, secondsLeft: 47 } as const;
    expect(progressLine(done, 0, 200, style, test)).toBe(
      '  Sigmoid MLP, seed 1  ━━━━━━━━━━━━━━━━━━━━  100 %  evaluates 4,200/10,000 test images  loss 0.4120  validation 91.20 %  47.0 s left',
    );
    for (const width of [120, 100, 80, 60, 40])
      expect(widthOf(progressLine(done, 0, width, style, test))).toBeLessThanOrEqual(width);
    expect(progressLine(done, 0, 80, style, test)).toContain('evaluates test images 42 %  47.0 s left');
    const validation = { ...test, split: 'validation' } as const;
    expect(progressLine(run, 8, 200, style, validation)).toMatch(
      /4,200\/10,000 validation images for 47\.0 s .* 8\.0 s left$/,
    );
  });

  it('has a bar of fixed width', () => {
    for (const fraction of [-1, 0, 0.01, 0.5, 0.524, 0.999, 1, 2]) expect(widthOf(bar(fraction, style))).toBe(20);
    expect(bar(1, style)).toBe('━'.repeat(20));
    expect(bar(0, style)).toBe('─'.repeat(20));
  });

  it('reckons the time left by the pace of late', () => {
    const pace = new Pace();
    const at = (step: number, now: number) => pace.secondsLeft({ ...run, step }, now);
    expect(at(0, 0)).toBeNull();
    expect(at(100, 1000)).toBeCloseTo(9);
    // no news for half a second: the time left goes on falling
    expect(at(100, 1500)).toBeCloseTo(8.5);
    expect(at(200, 2000)).toBeCloseTo(8);
    // a minute later it runs at a fifth of the speed; what was long ago no longer counts
    expect(at(300, 60_000)).toBeGreaterThan(100);
    for (let i = 1; i <= 40; i++) at(300 + i, 60_000 + i * 1000);
    expect(at(341, 101_000)).toBeCloseTo(659, 0);
    // resumed from an earlier step
    expect(at(50, 102_000)).toBeNull();
    // a fork: what its parent did took it no time
    const forked = new Pace();
    const start = { firstStep: 400 } as RunRecord['start'];
    for (const [step, now] of [
      [0, 0],
      [400, 1000],
    ] as const)
      expect(forked.secondsLeft({ ...run, step, start }, now)).toBeNull();
    expect(forked.secondsLeft({ ...run, step: 500, start }, 2000)).toBeCloseTo(10);
  });

  it('is drawn over itself, below lines that stay', () => {
    const { terminal, text } = memoryTerminal({ live: true });
    const block = new LiveBlock(terminal.err);
    block.draw(['one', 'two']);
    const before = text.err.length;
    block.draw(['one', 'two']);
    expect(text.err).toHaveLength(before);
    block.draw(['one', 'three']);
    expect(text.err.slice(before)).toContain('\u001b[2A');
    block.print('stays');
    block.end();
    expect(text.err.endsWith('\u001b[?25h')).toBe(true);
  });
});

describe('options', () => {
  const options = {
    seeds: { value: 'N', help: '' },
    set: { value: 'p=v', multiple: true, help: '' },
    json: { help: '' },
  };

  it('are read in every usual form', () => {
    const args = parse(['a', '--seeds=1', '--set', 'x=-1', 'b', '--set=y=2', '--json', '--', '--c'], options);
    expect(args.positionals).toEqual(['a', 'b', '--c']);
    expect([args.text('seeds'), args.texts('set'), args.has('json'), args.has('help')]).toEqual([
      '1',
      ['x=-1', 'y=2'],
      true,
      false,
    ]);
    expect(parse(['-h'], options).has('help')).toBe(true);
    expect(parse(['--seeds', '1', '--seeds', '2'], options).texts('seeds')).toEqual(['2']);
  });

  it('are refused by name', () => {
    expect(() => parse(['--toString'], options)).toThrow('There is no option --toString.');
    expect(() => parse(['-x'], options)).toThrow('There is no option -x');
    expect(() => parse(['--no-json'], options)).toThrow('There is no option');
    expect(() => parse(['--seeds', '--json'], options)).toThrow('--seeds needs a value: --seeds N.');
    expect(() => parse(['--seeds='], options)).toThrow('--seeds needs a value');
  });

  it('list seeds', () => {
    expect(parseSeeds('1,2,3')).toEqual([1, 2, 3]);
    expect(parseSeeds('0, 5-7')).toEqual([0, 5, 6, 7]);
    for (const wrong of ['', '1,', 'a', '-1', '3-1', '1.5', '99999999999999999999', '1-2000', '1,1']) {
      expect(() => parseSeeds(wrong)).toThrow(wrong === '1-2000' ? /more than 1000/ : /--seeds/);
    }
  });
});

describe('help', () => {
  const manual = readFileSync(new URL('../../docs/terminal.md', import.meta.url), 'utf8');

  it('names every command, and explains each with all of its options', async () => {
    const { out, code } = await runHere('help');
    expect(code).toBe(0);
    for (const command of commands) {
      expect(out).toContain(`${command.name} `);
      const help = await runHere('help', ...command.name.split(' '));
      const flag = await runHere(...command.name.split(' '), '--help');
      expect(flag).toEqual(help);
      for (const name of Object.keys(command.options)) expect(help.out).toContain(`--${name}`);
      for (const example of command.examples ?? []) {
        const words = (example.match(/"[^"]*"|\S+/g) ?? []).slice(command.name.split(' ').length);
        const plain = words.slice(0, words.findIndex((word) => /^[<>]$/.test(word)) >>> 0);
        expect(() => parse(plain, command.options)).not.toThrow();
      }
    }
    expect((await runHere()).out).toBe(out);
    expect((await runHere('--help')).out).toBe(out);
    expect((await runHere('help', 'rnu')).code).toBe(2);
    expect((await runHere('--version')).out).toMatch(/^ablate \d+\.\d+\.\d+\n$/);
  });

  it('and the manual name every exit code there is, and the manual every command and option', async () => {
    const { out } = await runHere('help');
    for (const { code, meaning } of exitCodes) {
      expect(out).toContain(`${code}  ${meaning}`);
      expect(manual).toContain(`|${code}|${meaning}|`);
    }
    const known = new Set(exitCodes.map(({ code }) => code));
    for (const { exit } of Object.values(errorCatalogue)) expect(known).toContain(exit);
    for (const command of commands) {
      expect(manual).toContain(command.name);
      for (const name of Object.keys(command.options)) expect(manual).toContain(`--${name}`);
    }
  });
});
