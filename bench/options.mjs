// The group that reads and sets single options: against C, koffi, the `sockopt` package and Node's own setter.
import { once } from 'node:events';
import { createRequire } from 'node:module';
import net from 'node:net';
import { constants, getOption, setOption } from 'exactbind';
import { floor, startFloor } from './floor.mjs';
import { sideBySide, synchronous } from './measure.mjs';

const { IPPROTO_TCP, TCP_NODELAY } = constants;
const require = createRequire(new URL('peers/package.json', import.meta.url));

/** What `npm ci --prefix bench/peers` brings, or undefined. */
function optional(name) {
  try {
    return require(name);
  } catch {
    return undefined;
  }
}

async function connection() {
  const server = net.createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const client = net.connect(server.address().port, '127.0.0.1');
  const [[peer]] = await Promise.all([once(server, 'connection'), once(client, 'connect')]);
  return {
    client,
    close() {
      client.destroy();
      peer.destroy();
      server.close();
    },
  };
}

/** getsockopt() and setsockopt() of the C library, called through koffi with memory that is allocated once. */
function throughKoffi(koffi, fd) {
  const library = koffi.load(null);
  const get = library.func('int getsockopt(int, int, int, void *, void *)');
  const set = library.func('int setsockopt(int, int, int, void *, uint32_t)');
  const value = new Int32Array(1);
  const length = new Int32Array([4]);
  const check = (result) => {
    if (result !== 0) throw new Error('a call through koffi failed');
  };
  return {
    get() {
      length[0] = 4;
      check(get(fd, IPPROTO_TCP, TCP_NODELAY, value, length));
      return value[0] !== 0;
    },
    set() {
      value[0] = 1;
      check(set(fd, IPPROTO_TCP, TCP_NODELAY, value, 4));
    },
  };
}

async function optionsGroup({ scale, quick }) {
  const { program, skipped } = floor('options');
  if (skipped !== undefined) return { skipped };
  const plain = startFloor(program);
  const threaded = startFloor(program, { threads: true });
  const { client, close } = await connection();
  const fd = client._handle.fd;
  const [koffi, sockopt] = [optional('koffi'), optional('sockopt')];
  const foreign = koffi && throughKoffi(koffi, fd);
  const variants = [];
  const comparisons = [];
  const against = (baseline, name, ratio) =>
    comparisons.push({ baseline, name, ...(ratio === undefined ? {} : { target: { ratio } }) });

  const cases = [
    ['get', 'getOption', () => getOption(client, 'TCP_NODELAY'), () => getOption(fd, 'TCP_NODELAY')],
    ['set', 'setOption', () => setOption(client, 'TCP_NODELAY', true), () => setOption(fd, 'TCP_NODELAY', true)],
  ];
  for (const [call, ours, onSocket, onDescriptor] of cases) {
    const c = `C, ${call}sockopt`;
    variants.push(
      { name: c, run: (cycles) => plain.run(call, cycles) },
      { name: `${c} with idle threads`, run: (cycles) => threaded.run(call, cycles) },
      { name: ours, run: synchronous(onSocket) },
      { name: `${ours} of a descriptor`, run: synchronous(onDescriptor) },
    );
    against(c, ours, 1.4);
    against(`${c} with idle threads`, ours, 1.4);
    against(c, `${ours} of a descriptor`);
    if (foreign !== undefined) {
      variants.push({ name: `koffi, ${call}sockopt`, run: synchronous(foreign[call]) });
      against(`koffi, ${call}sockopt`, ours, 1);
    }
    if (sockopt !== undefined) {
      const name = `sockopt, ${call}sockopt`;
      const theirs = {
        get: () => sockopt.getsockopt(client, IPPROTO_TCP, TCP_NODELAY),
        set: () => sockopt.setsockopt(client, IPPROTO_TCP, TCP_NODELAY, 1),
      };
      variants.push({ name, run: synchronous(theirs[call]) });
      against(name, ours, 1);
    }
  }
  // Another value each time: Node skips the call for the same one.
  const flip = (set) => {
    let value = false;
    return synchronous(() => {
      value = !value;
      set(value);
    });
  };
  variants.push(
    { name: 'socket.setNoDelay, changing', run: flip((value) => client.setNoDelay(value)) },
    { name: 'setOption, changing', run: flip((value) => setOption(client, 'TCP_NODELAY', value)) },
  );
  against('socket.setNoDelay, changing', 'setOption, changing');

  const rounds = quick ? 100 : 2000 * scale;
  const samples = await sideBySide(variants, { rounds, cycles: 1000, warmUp: rounds / 10 });
  plain.end();
  threaded.end();
  close();
  return { unit: 'ns', comparisons, samples };
}

export const groups = { options: optionsGroup };

export const reports = {
  options: {
    title: 'One option',
    note:
      '`TCP_NODELAY` of a connection, by name, against bench/options.c, which makes the same system call in a loop. Node ' +
      'skips `setNoDelay()` with the value it remembers, so that one gets another value each time.',
  },
};
