// One measurement of the matrix: row by row, a first socket and every second beside it.
import type { Protocol } from '../lib/door.ts';
import {
  answering,
  type Cell,
  type CellAddress,
  type FirstSocket,
  firstSockets,
  LEFTOVERS,
  type MatrixSystem,
  PROTOCOLS,
  type Results,
  type SecondSocket,
  SHARINGS,
  secondSockets,
} from './cells.ts';
import { type First, makeFirsts } from './first.ts';
import type { Wish } from './party.ts';
import { Peers } from './peers.ts';
import { freePorts } from './ports.ts';
import { predict } from './predict.ts';
import { whoReceives } from './probe.ts';
import type { Rival, Rivals } from './rivals.ts';
import { MATRIX_RULES } from './systems.ts';

/** What is tried: every pair of these. */
interface Pairs {
  readonly firsts: Readonly<Record<Protocol, readonly FirstSocket[]>>;
  readonly seconds: readonly SecondSocket[];
}

export class Measurement {
  readonly #os: MatrixSystem;
  readonly #here: readonly CellAddress[];
  readonly #rivals: Rivals;
  readonly #pairs: Pairs;
  readonly #peers = new Peers();
  readonly #ports = freePorts();

  /** @param here the addresses that can be bound */
  constructor(os: MatrixSystem, here: readonly CellAddress[], rivals: Rivals) {
    this.#os = os;
    this.#here = here;
    this.#rivals = rivals;
    const firsts = (protocol: Protocol) => firstSockets(protocol, SHARINGS[os], here);
    this.#pairs = {
      firsts: { tcp: firsts('tcp'), udp: firsts('udp') },
      seconds: secondSockets(SHARINGS[os], here, [...rivals.by.keys()]),
    };
  }

  get total(): number {
    const { firsts, seconds } = this.#pairs;
    return (firsts.tcp.length + firsts.udp.length) * seconds.length;
  }

  async *cells(): AsyncGenerator<Cell, void> {
    try {
      await this.#peers.open(this.#here);
      for (const protocol of PROTOCOLS) {
        for (const first of this.#pairs.firsts[protocol]) yield* this.#row(protocol, first);
      }
    } finally {
      await this.#peers.close();
    }
  }

  async *#row(protocol: Protocol, first: FirstSocket): AsyncGenerator<Cell, void> {
    const { sharing, state, address } = first;
    const { seconds } = this.#pairs;
    // A leftover stays, and the kernel remembers of a port that is never empty who has been there: each cell has its own.
    const isLeft = LEFTOVERS.includes(state);
    const common = this.#ports.next().value;
    const wishes = seconds.map((_, index) => {
      const port = isLeft && index > 0 ? this.#ports.next().value : common;
      return { protocol, sharing, address, port };
    });
    const { own, other } = this.#rivals;
    const machine = { addresses: this.#here, own, other };
    const startOther = () => this.#rivals.process();
    const surroundings = { here: this.#here, peers: this.#peers, startOther };
    let index = 0;
    for await (const made of makeFirsts(state, wishes, surroundings)) {
      const wish = wishes[index] as Wish;
      const second = seconds[index++] as SecondSocket;
      const measured = await this.#measure(wish, first, second, made);
      const predicted = predict(MATRIX_RULES[this.#os], protocol, first, second, machine);
      yield { protocol, first, second, measured, predicted };
    }
  }

  async #measure({ protocol, port }: Wish, first: FirstSocket, second: SecondSocket, made: First): Promise<Results> {
    const rival = this.#rivals.by.get(second.owner) as Rival;
    const { bind, listen } = await rival.attempt({ protocol, sharing: second.sharing, address: second.address, port });
    const firstListen = bind === 'ok' && protocol === 'tcp' && first.state === 'bound' ? made.listen() : null;
    const found = answering(protocol, first, second, { bind, listen, firstListen }, this.#here);
    let receives: Results['receives'] = null;
    if (found !== undefined) {
      const { target, isFirst, isSecond } = found;
      if (isFirst) made.serve();
      if (isSecond) await rival.serve('second');
      receives = await whoReceives(protocol, port, target, Number(isFirst) + Number(isSecond));
    }
    await rival.close();
    return { bind, listen, firstListen, receives };
  }
}
