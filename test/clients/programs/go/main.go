// Command main pushes with client_golang: main HOST:PORT push|add|delete
package main

import (
	"log"
	"os"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/push"
)

func main() {
	gateway, action := os.Args[1], os.Args[2]
	pusher := push.New(gateway, "nightly").Grouping("instance", "host/1").Grouping("zone", "")

	var err error
	switch action {
	case "push":
		gauge := prometheus.NewGaugeVec(prometheus.GaugeOpts{Name: "client_temperature_celsius", Help: "A gauge."}, []string{"room"})
		gauge.WithLabelValues("größer \"quoted\"\n").Set(21.5)
		counter := prometheus.NewCounter(prometheus.CounterOpts{Name: "client_runs_total", Help: "A counter."})
		counter.(prometheus.ExemplarAdder).AddWithExemplar(3, prometheus.Labels{"trace": "abc"})
		classic := prometheus.NewHistogram(prometheus.HistogramOpts{Name: "client_seconds", Help: "A histogram.", Buckets: []float64{0.1, 1}})
		classic.Observe(0.05)
		classic.Observe(5)
		native := prometheus.NewHistogram(prometheus.HistogramOpts{
			Name: "client_native_seconds", Help: "A native histogram.", NativeHistogramBucketFactor: 1.1,
		})
		native.Observe(0.3)
		summary := prometheus.NewSummary(prometheus.SummaryOpts{
			Name: "client_bytes", Help: "A summary.", Objectives: map[float64]float64{0.5: 0.05},
		})
		summary.Observe(100)
		err = pusher.Collector(gauge).Collector(counter).Collector(classic).Collector(native).Collector(summary).Push()
	case "add":
		added := prometheus.NewGauge(prometheus.GaugeOpts{Name: "client_added", Help: "Another gauge."})
		added.Set(2)
		err = pusher.Collector(added).Add()
	case "delete":
		err = pusher.Delete()
	}
	if err != nil {
		log.Fatal(err)
	}
}
