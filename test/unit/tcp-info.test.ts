// What getTcpInfo() makes of each system's structure, and of the shorter ones of older kernels.
import { describe, expect, it } from 'vitest';
import { CONNECTION_INFO, readFields, TCP_INFO, TCP_INFO_V2 } from '../../lib/socket-options/fields.ts';
import { tcpInfoFrom } from '../../lib/tcp-info.ts';

/** A structure of `length` bytes whose 32-bit words are 1, 2, 3, … */
function structure(length: number, little = true): DataView {
  const view = new DataView(new ArrayBuffer(length));
  for (let at = 0; at + 4 <= length; at += 4) view.setUint32(at, at / 4 + 1, little);
  return view;
}
const linux = (length: number) => readFields(TCP_INFO, structure(length), length, true);

describe('struct tcp_info', () => {
  // Lengths of Linux 2.6, 3.15, 4.1, 4.2, 4.6, 4.9, 4.10, 4.18, 4.19, 5.4, 6.2, 6.7 and 6.18, and the last field of each.
  it.each([
    [104, 'total_retrans', 'pacing_rate'],
    [120, 'max_pacing_rate', 'bytes_acked'],
    [136, 'bytes_received', 'segs_out'],
    [144, 'segs_in', 'notsent_bytes'],
    [160, 'data_segs_out', 'delivery_rate'],
    [168, 'delivery_rate', 'busy_time'],
    [192, 'sndbuf_limited', 'delivered'],
    [200, 'delivered_ce', 'bytes_sent'],
    [224, 'reord_seen', 'rcv_ooopack'],
    [232, 'snd_wnd', 'rcv_wnd'],
    [240, 'rehash', 'total_rto'],
    [248, 'total_rto_time', 'received_ce'],
    [276, 'received_ce_bytes', 'nothing'],
  ])('of %i bytes ends with %s', (length, last, next) => {
    const fields = linux(length);
    expect(Object.keys(fields).at(-1)).toBe(last);
    expect(fields).not.toHaveProperty(next);
  });

  it('leaves null what an old kernel does not fill, and never 0', () => {
    const info = tcpInfoFrom('linux', linux(104));
    expect(info).toMatchObject({ bytesSent: null, minRtt: null, sendWindow: null, deliveryRate: null, busyTime: null });
    expect(info).toMatchObject({ rtt: 18 / 1000, cwndSegments: 21, mss: 5, cwnd: 105 });
  });

  it('reads bit-fields from the end at which each kind of machine begins', () => {
    const bytes = new DataView(new Uint8Array(8).buffer);
    bytes.setUint8(6, 0x7a);
    bytes.setUint8(7, 0x05);
    const little = { snd_wscale: 10, rcv_wscale: 7, delivery_rate_app_limited: 1, fastopen_client_fail: 2 };
    expect(readFields(TCP_INFO, bytes, 8, true)).toMatchObject(little);
    bytes.setUint8(6, 0xa7);
    bytes.setUint8(7, 0xc0);
    expect(readFields(TCP_INFO, bytes, 8, false)).toMatchObject(little);
  });

  it('knows what stands for none', () => {
    const raw = { ...linux(276), snd_ssthresh: 0x7fffffff, min_rtt: 2 ** 32 - 1, pacing_rate: 2n ** 64n - 1n };
    const none = { ssthresh: Number.POSITIVE_INFINITY, minRtt: null, pacingRate: Number.POSITIVE_INFINITY };
    expect(tcpInfoFrom('linux', raw)).toMatchObject(none);
  });
});

describe('the structures of the others', () => {
  it('are read: macOS', () => {
    const raw = readFields(CONNECTION_INFO, structure(112), 112, true);
    expect(tcpInfoFrom('darwin', { ...raw, state: 4 })).toMatchObject({
      state: 'ESTABLISHED',
      rto: 4,
      mss: 5,
      ssthresh: 6,
      cwnd: 7,
      sendWindow: 8,
      receiveWindow: 10,
      rtt: 12,
      rttVar: 13,
      bytesInFlight: null,
    });
    expect(raw['txretransmitpackets']).toBe((28n << 32n) | 27n);
  });

  it('are read: Windows, in three versions', () => {
    const lengths = { 88: 'SynRetrans', 136: 'SndLimBytesSnd', 152: 'PtoEpisodes' };
    for (const [length, last] of Object.entries(lengths)) {
      const raw = readFields(TCP_INFO_V2, structure(Number(length)), Number(length), true);
      expect(Object.keys(raw).at(-1)).toBe(last);
    }
    const old = tcpInfoFrom('windows', { ...readFields(TCP_INFO_V2, structure(88), 88, true), State: 4 });
    expect(old).toMatchObject({ state: 'ESTABLISHED', mss: 2, rtt: 6 / 1000, cwnd: 9, outOfOrder: null, ecn: null });
  });
});
