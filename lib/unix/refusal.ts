// The error of a Unix socket that was refused, with who has the path.
import { type SystemError, systemError } from '../errors.ts';
import { addReport } from '../inspect/refusal.ts';
import { give } from '../own.ts';
import { explainPath, explainPathLater, pathSentence } from './inspect.ts';
import type { PathReport } from './report.ts';
import type { PathRefused } from './socket.ts';

const EXPLAINED = ['EADDRINUSE', 'EACCES', 'EPERM'];

function errorOf({ path, refusal }: PathRefused, report: PathReport | undefined): SystemError {
  const remark = report === undefined ? refusal.remark : pathSentence(report);
  const error = systemError({ ...refusal, ...(remark !== undefined && { remark }) }, { address: path, port: -1 });
  // As Node's own error of a path has it.
  give(error, { port: -1 });
  if (report !== undefined) addReport(error, report, pathSentence(report));
  return error;
}

/** The error of a refusal; its message ends with who has the path. */
export function pathError(refused: PathRefused): SystemError {
  let report: PathReport | undefined;
  try {
    if (EXPLAINED.includes(refused.refusal.code)) report = explainPath(refused);
  } catch {
    // A clear refusal never becomes another error, also where no descriptor is left to look with.
  }
  return errorOf(refused, report);
}

/** The same, without this thread standing still meanwhile. */
export async function pathErrorLater(refused: PathRefused): Promise<SystemError> {
  let report: PathReport | undefined;
  try {
    if (EXPLAINED.includes(refused.refusal.code)) report = await explainPathLater(refused);
  } catch {
    // As above.
  }
  return errorOf(refused, report);
}
