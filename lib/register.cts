// `node --require exactbind/register app.js`: makes every TCP listen by port exclusive, in an unmodified program.
// CommonJS, because on Node 20 a cluster worker loses messages that arrive while an --import is being loaded.
import hook = require('./adopt/hook.ts');

hook.installHook();
