// push HOST PORT push|add|delete
#include <prometheus/counter.h>
#include <prometheus/gateway.h>
#include <prometheus/gauge.h>
#include <prometheus/histogram.h>
#include <prometheus/registry.h>

#include <iostream>
#include <memory>
#include <string>

int main(int, char** arguments) {
  const std::string action = arguments[3];
  prometheus::Gateway gateway{arguments[1], arguments[2], "nightly", prometheus::Gateway::GetInstanceLabel("host1")};
  auto registry = std::make_shared<prometheus::Registry>();
  gateway.RegisterCollectable(registry);

  int status = 0;
  if (action == "push") {
    prometheus::BuildGauge()
        .Name("client_temperature_celsius")
        .Help("A gauge.")
        .Register(*registry)
        .Add({{"room", "größer \"quoted\"\n"}})
        .Set(21.5);
    prometheus::BuildCounter().Name("client_runs_total").Help("A counter.").Register(*registry).Add({}).Increment(3);
    prometheus::BuildHistogram()
        .Name("client_seconds")
        .Help("A histogram.")
        .Register(*registry)
        .Add({}, prometheus::Histogram::BucketBoundaries{0.1, 1})
        .Observe(0.05);
    status = gateway.PushAdd();  // PUT: in this client the two names are the other way round.
  } else if (action == "add") {
    prometheus::BuildGauge().Name("client_added").Help("Another gauge.").Register(*registry).Add({}).Set(2);
    status = gateway.Push();
  } else {
    status = gateway.DeleteForInstance();
  }
  if (status < 200 || status > 299) {
    std::cerr << "status " << status << "\n";
    return 1;
  }
}
