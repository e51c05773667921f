// ns-3's counterpart of the engine's chains: UDP datagrams through ten nodes, eight of them between the ends.
//   ns3-chain routers|bridges COUNT      prints how many arrived, links, and nanoseconds
#include <chrono>
#include <cstdio>
#include <string>

#include "ns3/applications-module.h"
#include "ns3/bridge-module.h"
#include "ns3/core-module.h"
#include "ns3/csma-module.h"
#include "ns3/internet-module.h"
#include "ns3/network-module.h"
#include "ns3/point-to-point-module.h"

using namespace ns3;

static const uint32_t NODES = 10;

/** Every node routes; answers the address of the last. */
static Ipv4Address Routers(NodeContainer nodes) {
  InternetStackHelper().Install(nodes);
  PointToPointHelper link;
  link.SetDeviceAttribute("DataRate", StringValue("100Gbps"));
  link.SetChannelAttribute("Delay", StringValue("1us"));
  Ipv4AddressHelper addresses("10.1.0.0", "255.255.255.0");
  Ipv4Address last;
  for (uint32_t node = 0; node + 1 < NODES; node++) {
    last = addresses.Assign(link.Install(nodes.Get(node), nodes.Get(node + 1))).GetAddress(1);
    addresses.NewNetwork();
  }
  Ipv4GlobalRoutingHelper::PopulateRoutingTables();
  return last;
}

/** Learning bridges between the two ends. */
static Ipv4Address Bridges(NodeContainer nodes) {
  InternetStackHelper().Install(NodeContainer(nodes.Get(0), nodes.Get(NODES - 1)));
  CsmaHelper link;
  link.SetChannelAttribute("DataRate", StringValue("100Gbps"));
  link.SetChannelAttribute("Delay", StringValue("1us"));
  std::vector<NetDeviceContainer> ports(NODES);
  for (uint32_t node = 0; node + 1 < NODES; node++) {
    NetDeviceContainer pair = link.Install(NodeContainer(nodes.Get(node), nodes.Get(node + 1)));
    ports[node].Add(pair.Get(0));
    ports[node + 1].Add(pair.Get(1));
  }
  for (uint32_t node = 1; node + 1 < NODES; node++) BridgeHelper().Install(nodes.Get(node), ports[node]);
  Ipv4AddressHelper addresses("10.1.0.0", "255.255.255.0");
  return addresses.Assign(NetDeviceContainer(ports[0], ports[NODES - 1])).GetAddress(1);
}

int main(int argc, char **argv) {
  if (argc != 3) return fprintf(stderr, "usage: ns3-chain routers|bridges COUNT\n"), 2;
  const uint32_t count = std::stoul(argv[2]);
  NodeContainer nodes;
  nodes.Create(NODES);
  const Ipv4Address last = std::string(argv[1]) == "routers" ? Routers(nodes) : Bridges(nodes);
  UdpServerHelper server(9);
  ApplicationContainer received = server.Install(nodes.Get(NODES - 1));
  UdpClientHelper client(last, 9);
  client.SetAttribute("MaxPackets", UintegerValue(count));
  client.SetAttribute("Interval", TimeValue(MicroSeconds(1)));
  client.SetAttribute("PacketSize", UintegerValue(64));
  client.Install(nodes.Get(0)).Start(Seconds(1));
  Simulator::Stop(Seconds(1.5 + count * 1e-6));
  const auto start = std::chrono::steady_clock::now();
  Simulator::Run();
  const auto time = std::chrono::steady_clock::now() - start;
  const double ns = std::chrono::duration<double, std::nano>(time).count();
  printf("%lu %u %.0f\n", (unsigned long)DynamicCast<UdpServer>(received.Get(0))->GetReceived(), NODES - 1, ns);
  Simulator::Destroy();
}
