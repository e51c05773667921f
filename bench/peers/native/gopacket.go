// gopacket's fastest ways: DecodingLayerParser, SerializeTo into one buffer, pcapgo without a copy. Usage as
// native/bench.c; 2 for a case it has not.
package main

import (
	"bufio"
	"encoding/binary"
	"fmt"
	"net"
	"os"
	"sort"
	"strings"
	"time"

	"github.com/google/gopacket"
	"github.com/google/gopacket/layers"
	"github.com/google/gopacket/pcapgo"
)

var be = binary.BigEndian

func bench(items int, run func() uint32) {
	start := time.Now()
	runs := 0
	for runs == 0 || time.Since(start) < 100*time.Millisecond {
		run()
		runs++
	}
	one := float64(time.Since(start).Nanoseconds()) / float64(runs)
	repeats := clamp(int(2e6/one), 1, 1<<30)
	times := make([]float64, clamp(int(2.5e8/(one*float64(repeats))), 5, 61))
	for k := range times {
		before := time.Now()
		for i := 0; i < repeats; i++ {
			run()
		}
		times[k] = float64(time.Since(before).Nanoseconds()) / float64(items*repeats)
	}
	sort.Float64s(times)
	fmt.Printf("{\"median\":%.3f,\"best\":%.3f,\"check\":%d}\n", times[len(times)/2], times[0], run())
}

func clamp(value, low, high int) int {
	if value < low {
		return low
	}
	if value > high {
		return high
	}
	return value
}

// The outer parser stops here: the inner one goes on.
type lastLayer struct{ layers.VXLAN }

func (v *lastLayer) NextLayerType() gopacket.LayerType { return gopacket.LayerTypeZero }

var (
	outerEthernet, innerEthernet layers.Ethernet
	outerIP, innerIP             layers.IPv4
	outerUDP, innerUDP           layers.UDP
	tcp                          layers.TCP
	icmp                         layers.ICMPv4
	payload                      gopacket.Payload
	vxlan                        lastLayer
	outer                        = gopacket.NewDecodingLayerParser(layers.LayerTypeEthernet, &outerEthernet, &outerIP, &outerUDP, &vxlan)
	inner                        = gopacket.NewDecodingLayerParser(layers.LayerTypeEthernet, &innerEthernet, &innerIP, &innerUDP, &tcp, &icmp, &payload)
	outerTypes, innerTypes       []gopacket.LayerType
)

func mac(m []byte) uint32 { return uint32(be.Uint16(m)) + be.Uint32(m[2:]) }

func fields(frame []byte) uint32 {
	outer.DecodeLayers(frame, &outerTypes)
	if len(outerTypes) != 4 {
		return 0
	}
	inner.DecodeLayers(vxlan.Payload, &innerTypes)
	if len(innerTypes) < 3 {
		return 0
	}
	var ports uint32
	switch innerTypes[2] {
	case layers.LayerTypeICMPv4:
		ports = uint32(icmp.Id) + uint32(icmp.Seq)
	case layers.LayerTypeUDP:
		ports = uint32(innerUDP.SrcPort) + uint32(innerUDP.DstPort)
	case layers.LayerTypeTCP:
		ports = uint32(tcp.SrcPort) + uint32(tcp.DstPort)
	}
	ips := be.Uint32(outerIP.SrcIP) + be.Uint32(outerIP.DstIP) + be.Uint32(innerIP.SrcIP) + be.Uint32(innerIP.DstIP)
	lengths := uint32(outerIP.Length) + uint32(innerIP.Length)
	return ips + lengths + vxlan.VNI + mac(innerEthernet.DstMAC) + mac(innerEthernet.SrcMAC) + uint32(innerIP.Protocol) + ports
}

func buildEcho() func() uint32 {
	buffer := gopacket.NewSerializeBuffer()
	sums := gopacket.SerializeOptions{FixLengths: true, ComputeChecksums: true}
	plain := gopacket.SerializeOptions{FixLengths: true}
	data := make([]byte, 22)
	for k := range data {
		data[k] = byte(k)
	}
	oe := &layers.Ethernet{SrcMAC: net.HardwareAddr{0x52, 0x54, 0, 0x12, 0, 2}, DstMAC: net.HardwareAddr{0x52, 0x54, 0, 0x12, 0, 1}, EthernetType: layers.EthernetTypeIPv4}
	oi := &layers.IPv4{Version: 4, TTL: 64, Protocol: 17, SrcIP: net.IP{192, 168, 10, 1}, DstIP: net.IP{192, 168, 10, 2}}
	ou := &layers.UDP{DstPort: 4789}
	vx := &layers.VXLAN{ValidIDFlag: true, VNI: 4097}
	ie := &layers.Ethernet{SrcMAC: net.HardwareAddr{2, 0x42, 10, 0, 0, 2}, DstMAC: net.HardwareAddr{2, 0x42, 10, 0, 0, 1}, EthernetType: layers.EthernetTypeIPv4}
	ii := &layers.IPv4{Version: 4, TTL: 64, Flags: layers.IPv4DontFragment, Protocol: 1, SrcIP: net.IP{10, 0, 1, 1}, DstIP: net.IP{10, 0, 2, 1}}
	echo := &layers.ICMPv4{TypeCode: layers.CreateICMPv4TypeCode(8, 0), Id: 0x1234}
	return func() uint32 {
		var sum uint32
		for i := 0; i < 1024; i++ {
			buffer.Clear()
			oi.Id, ii.Id, echo.Seq = uint16(i), uint16(i), uint16(i)
			ou.SrcPort = layers.UDPPort(49152 + (i & 0x3fff))
			place, _ := buffer.PrependBytes(len(data))
			copy(place, data)
			echo.SerializeTo(buffer, sums)
			ii.SerializeTo(buffer, sums)
			ie.SerializeTo(buffer, plain)
			vx.SerializeTo(buffer, plain)
			ou.SerializeTo(buffer, plain)
			oi.SerializeTo(buffer, sums)
			oe.SerializeTo(buffer, plain)
			b := buffer.Bytes()
			sum += uint32(be.Uint16(b[24:])) + uint32(be.Uint16(b[74:])) + uint32(be.Uint16(b[86:])) + uint32(be.Uint16(b[112:]))
		}
		return sum
	}
}

func readPcap(path string) func() uint32 {
	return func() uint32 {
		file, err := os.Open(path)
		if err != nil {
			panic(err)
		}
		defer file.Close()
		reader, err := pcapgo.NewReader(bufio.NewReaderSize(file, 256*1024))
		if err != nil {
			panic(err)
		}
		var sum uint32
		for {
			frame, _, err := reader.ZeroCopyReadPacketData()
			if err != nil {
				return sum
			}
			sum += fields(frame)
		}
	}
}

func frames(path string) [][]byte {
	bytes, err := os.ReadFile(path)
	if err != nil {
		panic(err)
	}
	var all [][]byte
	for at := 24; at+16 <= len(bytes); {
		length := int(binary.LittleEndian.Uint32(bytes[at+8:]))
		all = append(all, bytes[at+16:at+16+length])
		at += 16 + length
	}
	return all
}

func main() {
	if len(os.Args) != 4 {
		os.Exit(2)
	}
	name, path := os.Args[1], os.Args[2]+"/mix.pcap"
	if strings.HasSuffix(name, "-small") {
		path = os.Args[2] + "/small.pcap"
	}
	switch name {
	case "decode":
		all := frames(path)[:1024]
		bench(len(all), func() uint32 {
			var sum uint32
			for _, frame := range all {
				sum += fields(frame)
			}
			return sum
		})
	case "build-echo":
		bench(1024, buildEcho())
	case "read-pcap-mix", "read-pcap-small":
		bench(len(frames(path)), readPcap(path))
	default:
		os.Exit(2)
	}
}
