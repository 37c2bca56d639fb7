import type { Command } from '../command.ts';
import { analyseCommand } from './analyse.ts';
import {
  architectureDeleteCommand,
  architectureDiffCommand,
  architectureListCommand,
  architectureShowCommand,
  architectureUpdateCommand,
} from './architecture.ts';
import { compareCommand } from './compare.ts';
import { dataListCommand } from './dataList.ts';
import { diagnoseCommand } from './diagnose.ts';
import { exportCommand } from './export.ts';
import { forkCommand } from './fork.ts';
import { importCommand } from './import.ts';
import { listCommand } from './list.ts';
import { lrFindCommand } from './lrFind.ts';
import { modelDescribeCommand } from './modelDescribe.ts';
import { prependCommand } from './prepend.ts';
import { recalibrateCommand } from './recalibrate.ts';
import { resumeCommand } from './resume.ts';
import { runCommand } from './run.ts';
import { serveCommand } from './serve.ts';
import { showCommand } from './show.ts';
import { specCheckCommand } from './specCheck.ts';
import { specSchemaCommand } from './specSchema.ts';
import { speedCommand } from './speed.ts';
import { transferListCommand, transferPreviewCommand } from './transfer.ts';
import { verifyCommand } from './verify.ts';

/** Every command, in the order of help. A new one is a file and a line here. */
export const commands: readonly Command[] = [
  runCommand,
  resumeCommand,
  forkCommand,
  prependCommand,
  transferListCommand,
  transferPreviewCommand,
  listCommand,
  showCommand,
  verifyCommand,
  recalibrateCommand,
  lrFindCommand,
  compareCommand,
  diagnoseCommand,
  analyseCommand,
  dataListCommand,
  modelDescribeCommand,
  exportCommand,
  importCommand,
  architectureListCommand,
  architectureShowCommand,
  architectureDiffCommand,
  architectureUpdateCommand,
  architectureDeleteCommand,
  specCheckCommand,
  specSchemaCommand,
  serveCommand,
  speedCommand,
];
