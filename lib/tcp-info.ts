// getTcpInfo(): what the kernel knows of a TCP connection, in the same units on every system.

import { type System, system } from './platform.ts';
import { type AnySocket, getOption } from './raw-options.ts';
import type { RawFields } from './socket-options/values.ts';
import { TCP_STATES } from './tcp-states.ts';

export type TcpState =
  | 'CLOSE'
  | 'LISTEN'
  | 'SYN_SENT'
  | 'SYN_RECV'
  | 'ESTABLISHED'
  | 'FIN_WAIT1'
  | 'FIN_WAIT2'
  | 'CLOSE_WAIT'
  | 'CLOSING'
  | 'LAST_ACK'
  | 'TIME_WAIT';

/** A figure that the running system lacks is null, never 0. */
export interface TcpInfo {
  /** Linux's names. */
  state: TcpState | null;
  /** Smoothed round-trip time, ms. */
  rtt: number | null;
  /** Its variation, ms. Linux, macOS. */
  rttVar: number | null;
  /** The least round-trip time seen, ms. Linux, Windows. */
  minRtt: number | null;
  /** Retransmission timeout, ms. Linux; macOS, where it is null while the timer does not run. */
  rto: number | null;
  /** Largest segment sent, bytes. */
  mss: number | null;
  /** Path MTU, bytes. Linux. */
  pmtu: number | null;
  /** Largest segment advertised, bytes. Linux. */
  advMss: number | null;
  /** Largest segment received, bytes. Linux. */
  rcvMss: number | null;
  /** Congestion window, bytes. */
  cwnd: number | null;
  /** Congestion window, segments. Linux. */
  cwndSegments: number | null;
  /** Slow start threshold, bytes; Infinity before the first loss. Linux, macOS. */
  ssthresh: number | null;
  /** The window that the peer offers, bytes. */
  sendWindow: number | null;
  /** The window that this end offers, bytes. */
  receiveWindow: number | null;
  /** Sent and not acknowledged, bytes. Windows; Linux, computed from segments. */
  bytesInFlight: number | null;
  /** Sent, bytes; with retransmissions on Linux. */
  bytesSent: number | null;
  /** Acknowledged by the peer, bytes. Linux. */
  bytesAcked: number | null;
  bytesReceived: number | null;
  bytesRetransmitted: number | null;
  /** Segments retransmitted. Linux, macOS. */
  retransmits: number | null;
  /** Retransmission timeouts. Linux 6.7, Windows. */
  timeouts: number | null;
  /** Windows. */
  fastRetransmits: number | null;
  /** Windows. */
  dupAcks: number | null;
  /** Linux, macOS. */
  segmentsSent: number | null;
  segmentsReceived: number | null;
  /** Written but not sent yet, bytes. Linux. */
  notSentBytes: number | null;
  /** Bytes per second. Linux. */
  deliveryRate: number | null;
  /** Bytes per second; Infinity without a limit. Linux. */
  pacingRate: number | null;
  /** Whether the program's writes limited `deliveryRate`. Linux. */
  appLimited: boolean | null;
  /** Time with data to send, ms. Linux. */
  busyTime: number | null;
  /** Time in which the peer's window was the limit, ms. Linux, Windows. */
  receiverLimitedTime: number | null;
  /** Time in which the send buffer (Windows: the program) was the limit, ms. Linux, Windows. */
  senderLimitedTime: number | null;
  /** Time in which the congestion window was the limit, ms. Windows. */
  cwndLimitedTime: number | null;
  /** Segments received out of order. Linux, Windows 11. */
  outOfOrder: number | null;
  timestamps: boolean | null;
  sack: boolean | null;
  windowScaling: boolean | null;
  ecn: boolean | null;
  /** Time since the connection was made, ms. Windows. */
  connectedTime: number | null;
  /** The fields that the system fills, with its own names and units. */
  raw: RawFields;
}

// The last is TCP_NEW_SYN_RECV: a handshake that has no socket of its own yet.
const LINUX_STATES: readonly (TcpState | null)[] = [null, ...TCP_STATES, 'SYN_RECV'];
const DARWIN_STATES: readonly TcpState[] = [
  'CLOSE',
  'LISTEN',
  'SYN_SENT',
  'SYN_RECV',
  'ESTABLISHED',
  'CLOSE_WAIT',
  'FIN_WAIT1',
  'CLOSING',
  'LAST_ACK',
  'FIN_WAIT2',
  'TIME_WAIT',
];
const WINDOWS_STATES: readonly TcpState[] = [
  'CLOSE',
  'LISTEN',
  'SYN_SENT',
  'SYN_RECV',
  'ESTABLISHED',
  'FIN_WAIT1',
  'FIN_WAIT2',
  'CLOSE_WAIT',
  'CLOSING',
  'LAST_ACK',
  'TIME_WAIT',
];

const OPTIONS = {
  linux: 'TCP_INFO',
  darwin: 'TCP_CONNECTION_INFO',
  windows: 'SIO_TCP_INFO',
} as const satisfies Record<System, string>;

const UNSET = 2 ** 32 - 1;
// TCP_INFINITE_SSTHRESH, in segments.
const NO_THRESHOLD = 0x7fffffff;

/** Reads fields of a structure; what the running system does not fill is null, and so is what is reckoned from it. */
class Fields {
  readonly raw: RawFields;

  constructor(raw: RawFields) {
    this.raw = raw;
  }

  number(name: string, perUnit = 1): number | null {
    const value = this.raw[name];
    return value === undefined ? null : Number(value) / perUnit;
  }

  micros(name: string): number | null {
    return this.number(name, 1000);
  }

  flag(name: string, bit: number): boolean | null {
    const value = this.number(name);
    return value === null ? null : (value & bit) !== 0;
  }

  reckon(names: readonly string[], how: (...values: number[]) => number): number | null {
    const values = names.map((name) => this.number(name));
    return values.includes(null) ? null : how(...(values as number[]));
  }
}

type Figures = Omit<TcpInfo, 'raw'>;
type Reader<Name extends keyof Figures> = (fields: Fields) => Figures[Name];

/** Where each figure is, on the systems that have it. */
const FIGURES: { readonly [Name in keyof Figures]-?: Readonly<Partial<Record<System, Reader<Name>>>> } = {
  state: {
    linux: (fields) => LINUX_STATES[Number(fields.raw['state'])] ?? null,
    darwin: (fields) => DARWIN_STATES[Number(fields.raw['state'])] ?? null,
    windows: (fields) => WINDOWS_STATES[Number(fields.raw['State'])] ?? null,
  },
  rtt: {
    linux: (fields) => fields.micros('rtt'),
    darwin: (fields) => fields.number('srtt'),
    windows: (fields) => fields.number('RttUs', 1000),
  },
  rttVar: { linux: (fields) => fields.micros('rttvar'), darwin: (fields) => fields.number('rttvar') },
  minRtt: {
    linux: (fields) => (fields.raw['min_rtt'] === UNSET ? null : fields.micros('min_rtt')),
    windows: (fields) => (fields.raw['MinRttUs'] === UNSET ? null : fields.number('MinRttUs', 1000)),
  },
  rto: {
    linux: (fields) => fields.micros('rto'),
    darwin: (fields) => (fields.raw['rto'] === 0 ? null : fields.number('rto')),
  },
  mss: {
    linux: (fields) => fields.number('snd_mss'),
    darwin: (fields) => fields.number('maxseg'),
    windows: (fields) => fields.number('Mss'),
  },
  pmtu: { linux: (fields) => fields.number('pmtu') },
  advMss: { linux: (fields) => fields.number('advmss') },
  rcvMss: { linux: (fields) => fields.number('rcv_mss') },
  cwnd: {
    linux: (fields) => fields.reckon(['snd_cwnd', 'snd_mss'], (segments, mss) => segments * mss),
    darwin: (fields) => fields.number('snd_cwnd'),
    windows: (fields) => fields.number('Cwnd'),
  },
  cwndSegments: { linux: (fields) => fields.number('snd_cwnd') },
  ssthresh: {
    linux: (fields) =>
      fields.reckon(['snd_ssthresh', 'snd_mss'], (segments, mss) =>
        segments === NO_THRESHOLD ? Number.POSITIVE_INFINITY : segments * mss,
      ),
    darwin: (fields) => fields.number('snd_ssthresh'),
  },
  sendWindow: {
    linux: (fields) => fields.number('snd_wnd'),
    darwin: (fields) => fields.number('snd_wnd'),
    windows: (fields) => fields.number('SndWnd'),
  },
  receiveWindow: {
    linux: (fields) => fields.number('rcv_wnd'),
    darwin: (fields) => fields.number('rcv_wnd'),
    windows: (fields) => fields.number('RcvWnd'),
  },
  bytesInFlight: {
    linux: (fields) =>
      fields.reckon(
        ['unacked', 'sacked', 'lost', 'retrans', 'snd_mss'],
        (unacked, sacked, lost, retrans, mss) => Math.max(0, unacked - sacked - lost + retrans) * mss,
      ),
    windows: (fields) => fields.number('BytesInFlight'),
  },
  bytesSent: {
    linux: (fields) => fields.number('bytes_sent'),
    darwin: (fields) => fields.number('txbytes'),
    windows: (fields) => fields.number('BytesOut'),
  },
  bytesAcked: { linux: (fields) => fields.number('bytes_acked') },
  bytesReceived: {
    linux: (fields) => fields.number('bytes_received'),
    darwin: (fields) => fields.number('rxbytes'),
    windows: (fields) => fields.number('BytesIn'),
  },
  bytesRetransmitted: {
    linux: (fields) => fields.number('bytes_retrans'),
    darwin: (fields) => fields.number('txretransmitbytes'),
    windows: (fields) => fields.number('BytesRetrans'),
  },
  retransmits: {
    linux: (fields) => fields.number('total_retrans'),
    darwin: (fields) => fields.number('txretransmitpackets'),
  },
  timeouts: { linux: (fields) => fields.number('total_rto'), windows: (fields) => fields.number('TimeoutEpisodes') },
  fastRetransmits: { windows: (fields) => fields.number('FastRetrans') },
  dupAcks: { windows: (fields) => fields.number('DupAcksIn') },
  segmentsSent: { linux: (fields) => fields.number('segs_out'), darwin: (fields) => fields.number('txpackets') },
  segmentsReceived: { linux: (fields) => fields.number('segs_in'), darwin: (fields) => fields.number('rxpackets') },
  notSentBytes: { linux: (fields) => fields.number('notsent_bytes') },
  deliveryRate: { linux: (fields) => fields.number('delivery_rate') },
  pacingRate: {
    linux: (fields) =>
      fields.raw['pacing_rate'] === 2n ** 64n - 1n ? Number.POSITIVE_INFINITY : fields.number('pacing_rate'),
  },
  appLimited: { linux: (fields) => fields.flag('delivery_rate_app_limited', 1) },
  busyTime: { linux: (fields) => fields.micros('busy_time') },
  receiverLimitedTime: {
    linux: (fields) => fields.micros('rwnd_limited'),
    windows: (fields) => fields.number('SndLimTimeRwin'),
  },
  senderLimitedTime: {
    linux: (fields) => fields.micros('sndbuf_limited'),
    windows: (fields) => fields.number('SndLimTimeSnd'),
  },
  cwndLimitedTime: { windows: (fields) => fields.number('SndLimTimeCwnd') },
  outOfOrder: {
    linux: (fields) => fields.number('rcv_ooopack'),
    windows: (fields) => fields.number('OutOfOrderPktsIn'),
  },
  timestamps: {
    linux: (fields) => fields.flag('options', 1),
    darwin: (fields) => fields.flag('options', 1),
    windows: (fields) => fields.flag('TimestampsEnabled', 1),
  },
  sack: { linux: (fields) => fields.flag('options', 2), darwin: (fields) => fields.flag('options', 2) },
  windowScaling: { linux: (fields) => fields.flag('options', 4), darwin: (fields) => fields.flag('options', 4) },
  ecn: {
    linux: (fields) => fields.flag('options', 8),
    darwin: (fields) => fields.flag('options', 8),
    windows: (fields) => fields.flag('EcnNegotiated', 1),
  },
  connectedTime: { windows: (fields) => fields.number('ConnectionTimeMs') },
};

/** @internal */
export function tcpInfoFrom(on: System, raw: RawFields): TcpInfo {
  const fields = new Fields(raw);
  const figures = Object.entries(FIGURES).map(([name, readers]) => [name, readers[on]?.(fields) ?? null]);
  return { ...(Object.fromEntries(figures) as Figures), raw };
}

/**
 * Reads the kernel's figures about a TCP connection.
 *
 * - Linux: `TCP_INFO`; each kernel fills as many fields as it has.
 * - macOS: `TCP_CONNECTION_INFO`, which counts times in milliseconds.
 * - Windows 10 1703 and later: `SIO_TCP_INFO`.
 *
 * @throws TypeError `ERR_INVALID_ARG_TYPE`; Error `ENOTSUP`, `ENOPROTOOPT`, `EINVAL` for a socket that is not TCP;
 * `ERR_SOCKET_NO_HANDLE`
 */
export function getTcpInfo(socket: AnySocket): TcpInfo {
  return tcpInfoFrom(system, getOption(socket, OPTIONS[system]));
}
