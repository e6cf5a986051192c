// What is asked of the packages that the benchmarks compare with, as far as they are typed here: they are not installed by npm ci.
declare module 'find-process' {
  function find(by: 'port', port: number): Promise<{ pid: number; cmd: string }[]>;
  export = find;
}

declare module 'pid-port' {
  export function portToPid(port: { port: number; host: string }): Promise<number | undefined>;
  export function portBindings(port: number, where: { host: string }): Promise<{ pid: number }[]>;
}

declare module 'get-port' {
  // biome-ignore lint/style/noDefaultExport: it is theirs.
  export default function getPort(where: { port: number | Iterable<number> }): Promise<number>;
  export function portNumbers(from: number, to: number): Iterable<number>;
}

declare module 'detect-port' {
  export function detect(port: number): Promise<number>;
}

declare module 'portfinder' {
  const portfinder: { getPortPromise(where: { port: number; stopPort: number }): Promise<number> };
  export = portfinder;
}

declare module 'tcp-port-used' {
  const tcpPortUsed: { check(port: number): Promise<boolean> };
  export = tcpPortUsed;
}

declare module 'is-port-reachable' {
  function isPortReachable(port: number, where: { host: string }): Promise<boolean>;
  export = isPortReachable;
}

declare module 'kill-port' {
  function killPort(port: number): Promise<unknown>;
  export = killPort;
}
