import { execFile, spawnSync } from 'node:child_process';
import { promisify } from 'node:util';

const run = promisify(execFile);

/** The system's own Python, where Debian puts python3-torch; PYTHON names another. */
export const python = process.env['PYTHON'] ?? '/usr/bin/python3';

const probe = (code: string): boolean => spawnSync(python, ['-c', code]).status === 0;

/** Why programs cannot be compiled or run here; undefined when they can. */
export const noPython = probe('import sys') ? undefined : `${python} is missing; install Python 3`;
export const noTorch =
  noPython ?? (probe('import torch, numpy') ? undefined : `PyTorch is missing; install python3-torch for ${python}`);

/** Runs Python with these arguments. Throws with its stderr. */
export async function runPython(...words: string[]): Promise<string> {
  const { stdout } = await run(python, words, { maxBuffer: 2 ** 26 });
  return stdout;
}

const checker = `import ast, builtins, symtable, sys

def scopes(table):
    yield table
    for child in table.get_children():
        yield from scopes(child)

for path in sys.argv[1:]:
    source = open(path, encoding="utf-8").read()
    compile(source, path, "exec")
    table = symtable.symtable(source, path, "exec")
    known = {each.get_name() for each in table.get_symbols() if each.is_assigned() or each.is_imported() or each.is_namespace()}
    read = {each.get_name() for each in table.get_symbols() if each.is_referenced()}
    for scope in scopes(table):
        if scope is not table:
            read |= {each.get_name() for each in scope.get_symbols() if each.is_global() and each.is_referenced()}
    # names of a file are told by Python itself, classes for whoever reads it; constants that are drawn by number come together
    own = {"__name__", "__doc__", "CLASSES", "INIT", "ORDER", "AUGMENTATION", "DROPOUT", "NOISE", "SPLIT", "MIXUP"}
    missing = read - known - set(dir(builtins)) - own
    unused = known - read - own
    lines = source.splitlines()
    attributes = {node.attr for node in ast.walk(ast.parse(source)) if isinstance(node, ast.Attribute)}
    fields = [node.target.id for each in ast.walk(ast.parse(source)) if isinstance(each, ast.ClassDef) and each.name == "Stage" for node in each.body if isinstance(node, ast.AnnAssign)]
    idle = [field for field in fields if field not in attributes]
    if missing or unused or idle:
        sys.exit(f"{path}: missing {sorted(missing)}, unused {sorted(unused)}, fields that nobody reads {idle}")
`;

/** Whether programs are Python, every name in them is known, and nothing in them is left unused. Throws with what is wrong. */
export const checkPrograms = (...files: string[]): Promise<string> => runPython('-c', checker, ...files);
