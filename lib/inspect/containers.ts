// What a control group is for: a container, a systemd unit, or nothing that has a name.

// The names that container engines give to their control groups. The hexadecimal ones are cut as the engines do.
const ENGINES: readonly (readonly [pattern: RegExp, engine: string])[] = [
  // Of a task of Fargate's, the id is that of the task and a number.
  [/(?:^|\/)ecs(?:tasks\.slice)?\/.*?([0-9a-f]{12})[0-9a-f]{20}(?:[0-9a-f]{32}(?:\.scope)?|-\d+)(?:\/|$)/, 'ecs'],
  [/(?:^|\/)actions_job\/([0-9a-f]{12})[0-9a-f]{52}/, 'github-actions'],
  [/(?:^|\/)buildkit\/([0-9a-z]{12})[0-9a-z]*/, 'buildkit'],
  [/(?:^|\/)docker[-/]([0-9a-f]{12})[0-9a-f]{52}/, 'docker'],
  [/(?:^|\/)libpod-([0-9a-f]{12})[0-9a-f]{52}/, 'podman'],
  [/(?:^|\/)nerdctl-([0-9a-f]{12})[0-9a-f]{52}/, 'nerdctl'],
  [/(?:^|\/)cri-containerd-([0-9a-f]{12})[0-9a-f]{52}/, 'containerd'],
  [/(?:^|\/)crio-([0-9a-f]{12})[0-9a-f]{52}/, 'cri-o'],
  [/(?:^|\/)lxc(?:\.payload\.|\/)([^/]+)/, 'lxc'],
  [/(?:^|[/-])([0-9a-f]{12})[0-9a-f]{52}(?:\.scope)?(?:\/|$)/, 'container'],
];

/** What a control group is for: its container, its systemd unit, else its path; undefined for the root. */
export function containerOf(path: string | undefined): string | undefined {
  if (path === undefined || path === '/') return undefined;
  for (const [pattern, engine] of ENGINES) {
    const id = pattern.exec(path)?.[1];
    if (id !== undefined) return `${engine} ${id}`;
  }
  const units = path.split('/').filter((name) => /\.(service|scope)$/.test(name));
  return units.at(-1) ?? path;
}

/** Where the process only passes on what is meant for a container: `docker 172.17.0.2:80`. */
export function forwardedTo(program: string | undefined, args: readonly string[] | undefined): string | undefined {
  if (program === undefined || !/(?:^|\/)docker-proxy$/.test(program)) return undefined;
  const after = (option: string) => args?.[args.indexOf(option) + 1];
  const [address, port] = args?.includes('-container-ip') ? [after('-container-ip'), after('-container-port')] : [];
  return address === undefined || port === undefined ? 'docker' : `docker ${address}:${port}`;
}
