// `node --require exactbind/register app.js`: makes every TCP listen by port exclusive, in an unmodified program.
// It is loaded by --require, because on Node 20 a cluster worker loses messages that arrive while an --import is being loaded.
import { installHook } from './adopt/hook.ts';

installHook();
