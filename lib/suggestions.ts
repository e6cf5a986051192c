// What somebody probably meant: the name that is nearly theirs, the server behind an app, the address in a URL.
import { URL } from 'node:url';

/** How many letters have to be changed, added, taken away or exchanged; more than `most` is not counted. */
function distance(one: string, other: string, most: number): number {
  if (Math.abs(one.length - other.length) > most) return most + 1;
  let before: number[] = [];
  let last = Array.from({ length: other.length + 1 }, (_, at) => at);
  for (let row = 1; row <= one.length; row++) {
    const next = [row];
    for (let at = 1; at <= other.length; at++) {
      const isSame = one[row - 1] === other[at - 1];
      let least = Math.min(
        (last[at] as number) + 1,
        (next[at - 1] as number) + 1,
        (last[at - 1] as number) + (isSame ? 0 : 1),
      );
      const isExchanged = one[row - 1] === other[at - 2] && one[row - 2] === other[at - 1];
      if (isExchanged && row > 1 && at > 1) least = Math.min(least, (before[at - 2] as number) + 1);
      next.push(least);
    }
    before = last;
    last = next;
  }
  return last[other.length] as number;
}

const folded = (name: string) => name.toLowerCase().replaceAll(/[-_]/g, '');

/** `: did you mean 'sharing'?`, or nothing where no name is nearly the same. */
export function didYouMean(name: string, known: readonly string[]): string {
  // No name is of much use that shares less than two thirds of its letters.
  const most = Math.min(3, Math.floor(name.length / 3));
  let best: string | undefined;
  let least = most + 1;
  for (const one of known) {
    const found = distance(folded(name), folded(one), most);
    if (found < least) [best, least] = [one, found];
  }
  return best === undefined ? '' : `: did you mean '${best}'?`;
}

/** What makes a server of an app, which is none; undefined for what is no app. */
export function serverOf(value: unknown): string | undefined {
  if (typeof value === 'function') return 'http.createServer(app)';
  if (typeof value !== 'object' || value === null) return undefined;
  const { callback, fetch, server, listener } = value as Record<string, unknown>;
  // Fastify and Restify have their server; Hapi calls it its listener.
  if (isServer(server)) return 'app.server';
  if (isServer(listener)) return 'app.listener';
  // Koa.
  if (typeof callback === 'function') return 'http.createServer(app.callback())';
  // Hono and others that answer a Request.
  return typeof fetch === 'function'
    ? 'http.createServer(getRequestListener(app.fetch)), of @hono/node-server'
    : undefined;
}

const isServer = (value: unknown) =>
  typeof value === 'object' && value !== null && 'listen' in value && 'address' in value;

const PORTS: Record<string, number> = { http: 80, https: 443, ws: 80, wss: 443 };

/** The options that a URL, or `localhost:3000`, stands for; undefined for what is neither. */
export function optionsIn(value: unknown): string | undefined {
  const text = value instanceof URL ? value.href : value;
  if (typeof text !== 'string') return undefined;
  const found = /^\s*(?:([a-z][a-z0-9+.-]*):\/\/)?(\[[0-9a-f:.%]+\]|[^\s/:?#[\]]*)(?::(\d+))?(?:[/?#].*)?$/i.exec(text);
  if (found === null) return undefined;
  const [, scheme = '', host = '', given] = found;
  const port = given ?? PORTS[scheme.toLowerCase()];
  if (port === undefined || Number(port) > 65535) return undefined;
  const name = host.replace(/^\[|\]$/g, '');
  const protocol = scheme.toLowerCase() === 'udp' ? ", protocol: 'udp'" : '';
  const at = name === '' || name === '*' ? '' : `, host: '${name}'`;
  return `{ port: ${Number(port)}${at}${protocol} }`;
}
