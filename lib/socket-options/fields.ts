// The layouts of the structures in which each system accounts for a TCP connection.

// Every row is a name, an offset and a type. They only ever grow at their end, and what the running kernel does not fill is
// absent from what is read.

/** `struct tcp_info` (include/uapi/linux/tcp.h), up to Linux 6.18. */
export const TCP_INFO = `
state 0 u8|ca_state 1 u8|retransmits 2 u8|probes 3 u8|backoff 4 u8|options 5 u8|snd_wscale 6 low|rcv_wscale 6 high
delivery_rate_app_limited 7 bit0|fastopen_client_fail 7 bits1
rto 8|ato 12|snd_mss 16|rcv_mss 20|unacked 24|sacked 28|lost 32|retrans 36|fackets 40
last_data_sent 44|last_ack_sent 48|last_data_recv 52|last_ack_recv 56
pmtu 60|rcv_ssthresh 64|rtt 68|rttvar 72|snd_ssthresh 76|snd_cwnd 80|advmss 84|reordering 88
rcv_rtt 92|rcv_space 96|total_retrans 100|pacing_rate 104 u64|max_pacing_rate 112 u64
bytes_acked 120 u64|bytes_received 128 u64|segs_out 136|segs_in 140|notsent_bytes 144|min_rtt 148
data_segs_in 152|data_segs_out 156|delivery_rate 160 u64|busy_time 168 u64|rwnd_limited 176 u64|sndbuf_limited 184 u64
delivered 192|delivered_ce 196|bytes_sent 200 u64|bytes_retrans 208 u64|dsack_dups 216|reord_seen 220
rcv_ooopack 224|snd_wnd 228|rcv_wnd 232|rehash 236|total_rto 240 u16|total_rto_recoveries 242 u16|total_rto_time 244
received_ce 248|delivered_e1_bytes 252|delivered_e0_bytes 256|delivered_ce_bytes 260
received_e1_bytes 264|received_e0_bytes 268|received_ce_bytes 272`;

/** `struct tcp_connection_info` (bsd/netinet/tcp.h of XNU). */
export const CONNECTION_INFO = `
state 0 u8|snd_wscale 1 u8|rcv_wscale 2 u8|options 4|flags 8|rto 12|maxseg 16|snd_ssthresh 20|snd_cwnd 24|snd_wnd 28
snd_sbbytes 32|rcv_wnd 36|rttcur 40|srtt 44|rttvar 48|tfo 52|txpackets 56 u64|txbytes 64 u64|txretransmitbytes 72 u64
rxpackets 80 u64|rxbytes 88 u64|rxoutoforderbytes 96 u64|txretransmitpackets 104 u64`;

/** `TCP_INFO_v2` (mstcpip.h of the Windows SDK), which begins as v0 and v1 do. */
export const TCP_INFO_V2 = `
State 0|Mss 4|ConnectionTimeMs 8 u64|TimestampsEnabled 16 u8|RttUs 20|MinRttUs 24|BytesInFlight 28|Cwnd 32|SndWnd 36
RcvWnd 40|RcvBuf 44|BytesOut 48 u64|BytesIn 56 u64|BytesReordered 64|BytesRetrans 68|FastRetrans 72|DupAcksIn 76
TimeoutEpisodes 80|SynRetrans 84 u8|SndLimTransRwin 88|SndLimTimeRwin 92|SndLimBytesRwin 96 u64|SndLimTransCwnd 104
SndLimTimeCwnd 108|SndLimBytesCwnd 112 u64|SndLimTransSnd 120|SndLimTimeSnd 124|SndLimBytesSnd 128 u64
OutOfOrderPktsIn 136|EcnNegotiated 140 u8|EceAcksIn 144|PtoEpisodes 148`;

const SIZES: Record<string, number> = { u16: 2, u32: 4, u64: 8 };

function valueAt(view: DataView, at: number, type: string, little: boolean): number | bigint {
  switch (type) {
    case 'u16':
      return view.getUint16(at, little);
    case 'u32':
      return view.getUint32(at, little);
    case 'u64':
      return view.getBigUint64(at, little);
    // Bit-fields begin at the least significant bit of a little-endian machine and at the most significant one of others.
    case 'low':
      return little ? view.getUint8(at) & 15 : view.getUint8(at) >> 4;
    case 'high':
      return little ? view.getUint8(at) >> 4 : view.getUint8(at) & 15;
    case 'bit0':
      return little ? view.getUint8(at) & 1 : view.getUint8(at) >> 7;
    case 'bits1':
      return little ? (view.getUint8(at) >> 1) & 3 : (view.getUint8(at) >> 5) & 3;
    default:
      return view.getUint8(at);
  }
}

/** Reads the fields of a layout that lie within the `given` bytes. */
export function readFields(
  layout: string,
  view: DataView,
  given: number,
  little: boolean,
): Record<string, number | bigint> {
  const fields: Record<string, number | bigint> = {};
  for (const row of layout.trim().split(/[|\n]/)) {
    const [name = '', offset, type = 'u32'] = row.split(' ');
    const at = Number(offset);
    if (at + (SIZES[type] ?? 1) <= given) fields[name] = valueAt(view, at, type, little);
  }
  return fields;
}
