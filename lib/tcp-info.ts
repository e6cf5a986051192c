// getTcpInfo(): what the kernel knows of a TCP connection, in the same units on every system.

import { system } from './platform.ts';
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

/** Null where the running system has no such figure, and never 0 in its place. */
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
  /** Sent and not acknowledged, bytes. Windows; Linux, where it is reckoned from segments. */
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
  /** Written and not sent yet, bytes. Linux. */
  notSentBytes: number | null;
  /** Bytes per second. Linux. */
  deliveryRate: number | null;
  /** Bytes per second; Infinity without a limit. Linux. */
  pacingRate: number | null;
  /** Whether `deliveryRate` was limited by what was written. Linux. */
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
  /** The system's own fields by its own names and in its own units, those that it fills. */
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

const UNSET = 2 ** 32 - 1;
// TCP_INFINITE_SSTHRESH, in segments.
const NO_THRESHOLD = 0x7fffffff;

const NOTHING: Omit<TcpInfo, 'raw'> = {
  state: null,
  rtt: null,
  rttVar: null,
  minRtt: null,
  rto: null,
  mss: null,
  pmtu: null,
  advMss: null,
  rcvMss: null,
  cwnd: null,
  cwndSegments: null,
  ssthresh: null,
  sendWindow: null,
  receiveWindow: null,
  bytesInFlight: null,
  bytesSent: null,
  bytesAcked: null,
  bytesReceived: null,
  bytesRetransmitted: null,
  retransmits: null,
  timeouts: null,
  fastRetransmits: null,
  dupAcks: null,
  segmentsSent: null,
  segmentsReceived: null,
  notSentBytes: null,
  deliveryRate: null,
  pacingRate: null,
  appLimited: null,
  busyTime: null,
  receiverLimitedTime: null,
  senderLimitedTime: null,
  cwndLimitedTime: null,
  outOfOrder: null,
  timestamps: null,
  sack: null,
  windowScaling: null,
  ecn: null,
  connectedTime: null,
};

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

  flag(name: string, bit: number): boolean | null {
    const value = this.number(name);
    return value === null ? null : (value & bit) !== 0;
  }

  reckon(names: readonly string[], how: (...values: number[]) => number): number | null {
    const values = names.map((name) => this.number(name));
    return values.includes(null) ? null : how(...(values as number[]));
  }
}

/** @internal */
export function fromLinux(raw: RawFields): TcpInfo {
  const fields = new Fields(raw);
  const micros = (name: string) => fields.number(name, 1000);
  return {
    ...NOTHING,
    state: LINUX_STATES[Number(raw['state'])] ?? null,
    rtt: micros('rtt'),
    rttVar: micros('rttvar'),
    minRtt: raw['min_rtt'] === UNSET ? null : micros('min_rtt'),
    rto: micros('rto'),
    mss: fields.number('snd_mss'),
    pmtu: fields.number('pmtu'),
    advMss: fields.number('advmss'),
    rcvMss: fields.number('rcv_mss'),
    cwnd: fields.reckon(['snd_cwnd', 'snd_mss'], (segments, mss) => segments * mss),
    cwndSegments: fields.number('snd_cwnd'),
    ssthresh: fields.reckon(['snd_ssthresh', 'snd_mss'], (segments, mss) =>
      segments === NO_THRESHOLD ? Number.POSITIVE_INFINITY : segments * mss,
    ),
    sendWindow: fields.number('snd_wnd'),
    receiveWindow: fields.number('rcv_wnd'),
    bytesInFlight: fields.reckon(
      ['unacked', 'sacked', 'lost', 'retrans', 'snd_mss'],
      (unacked, sacked, lost, retrans, mss) => Math.max(0, unacked - sacked - lost + retrans) * mss,
    ),
    bytesSent: fields.number('bytes_sent'),
    bytesAcked: fields.number('bytes_acked'),
    bytesReceived: fields.number('bytes_received'),
    bytesRetransmitted: fields.number('bytes_retrans'),
    retransmits: fields.number('total_retrans'),
    timeouts: fields.number('total_rto'),
    segmentsSent: fields.number('segs_out'),
    segmentsReceived: fields.number('segs_in'),
    notSentBytes: fields.number('notsent_bytes'),
    deliveryRate: fields.number('delivery_rate'),
    pacingRate: raw['pacing_rate'] === 2n ** 64n - 1n ? Number.POSITIVE_INFINITY : fields.number('pacing_rate'),
    appLimited: fields.flag('delivery_rate_app_limited', 1),
    busyTime: micros('busy_time'),
    receiverLimitedTime: micros('rwnd_limited'),
    senderLimitedTime: micros('sndbuf_limited'),
    outOfOrder: fields.number('rcv_ooopack'),
    timestamps: fields.flag('options', 1),
    sack: fields.flag('options', 2),
    windowScaling: fields.flag('options', 4),
    ecn: fields.flag('options', 8),
    raw,
  };
}

/** @internal */
export function fromDarwin(raw: RawFields): TcpInfo {
  const fields = new Fields(raw);
  return {
    ...NOTHING,
    state: DARWIN_STATES[Number(raw['state'])] ?? null,
    rtt: fields.number('srtt'),
    rttVar: fields.number('rttvar'),
    rto: raw['rto'] === 0 ? null : fields.number('rto'),
    mss: fields.number('maxseg'),
    cwnd: fields.number('snd_cwnd'),
    ssthresh: fields.number('snd_ssthresh'),
    sendWindow: fields.number('snd_wnd'),
    receiveWindow: fields.number('rcv_wnd'),
    bytesSent: fields.number('txbytes'),
    bytesReceived: fields.number('rxbytes'),
    bytesRetransmitted: fields.number('txretransmitbytes'),
    retransmits: fields.number('txretransmitpackets'),
    segmentsSent: fields.number('txpackets'),
    segmentsReceived: fields.number('rxpackets'),
    timestamps: fields.flag('options', 1),
    sack: fields.flag('options', 2),
    windowScaling: fields.flag('options', 4),
    ecn: fields.flag('options', 8),
    raw,
  };
}

/** @internal */
export function fromWindows(raw: RawFields): TcpInfo {
  const fields = new Fields(raw);
  return {
    ...NOTHING,
    state: WINDOWS_STATES[Number(raw['State'])] ?? null,
    rtt: fields.number('RttUs', 1000),
    minRtt: raw['MinRttUs'] === UNSET ? null : fields.number('MinRttUs', 1000),
    mss: fields.number('Mss'),
    cwnd: fields.number('Cwnd'),
    sendWindow: fields.number('SndWnd'),
    receiveWindow: fields.number('RcvWnd'),
    bytesInFlight: fields.number('BytesInFlight'),
    bytesSent: fields.number('BytesOut'),
    bytesReceived: fields.number('BytesIn'),
    bytesRetransmitted: fields.number('BytesRetrans'),
    timeouts: fields.number('TimeoutEpisodes'),
    fastRetransmits: fields.number('FastRetrans'),
    dupAcks: fields.number('DupAcksIn'),
    receiverLimitedTime: fields.number('SndLimTimeRwin'),
    senderLimitedTime: fields.number('SndLimTimeSnd'),
    cwndLimitedTime: fields.number('SndLimTimeCwnd'),
    outOfOrder: fields.number('OutOfOrderPktsIn'),
    timestamps: fields.flag('TimestampsEnabled', 1),
    ecn: fields.flag('EcnNegotiated', 1),
    connectedTime: fields.number('ConnectionTimeMs'),
    raw,
  };
}

/**
 * Reads what the kernel knows of a TCP connection.
 *
 * - Linux: `TCP_INFO`; each kernel fills as many fields as it has.
 * - macOS: `TCP_CONNECTION_INFO`, which counts times in milliseconds.
 * - Windows 10 1703 and later: `SIO_TCP_INFO`.
 *
 * @throws TypeError `ERR_INVALID_ARG_TYPE`; Error `ENOTSUP`, `ENOPROTOOPT`, `EINVAL` for a socket that is not TCP;
 * `ERR_SOCKET_NO_HANDLE`
 */
export function getTcpInfo(socket: AnySocket): TcpInfo {
  if (system === 'linux') return fromLinux(getOption(socket, 'TCP_INFO'));
  if (system === 'darwin') return fromDarwin(getOption(socket, 'TCP_CONNECTION_INFO'));
  return fromWindows(getOption(socket, 'SIO_TCP_INFO'));
}
