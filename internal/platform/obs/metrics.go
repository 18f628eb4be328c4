package obs

import (
	"net/http"
	"strconv"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// Metrics are the figures of one running server, on a registry of their own.
type Metrics struct {
	registry *prometheus.Registry
	requests *prometheus.CounterVec
	seconds  *prometheus.HistogramVec
	keys     *prometheus.CounterVec
	known    sync.Map // series to *figures: finding them by their labels costs more than counting
}

// series is what a request is counted under; the routes and statuses of the program
// bound their number.
type series struct {
	route  string
	status int
}

type figures struct {
	requests prometheus.Counter
	seconds  prometheus.Observer
}

// NewMetrics returns a fresh set.
func NewMetrics(version string) *Metrics {
	m := &Metrics{
		registry: prometheus.NewRegistry(),
		requests: prometheus.NewCounterVec(prometheus.CounterOpts{Name: "leadflip_requests_total", Help: "Answered requests by route and status."}, []string{"route", "status"}),
		seconds: prometheus.NewHistogramVec(prometheus.HistogramOpts{Name: "leadflip_request_seconds", Help: "Time to answer by route.",
			Buckets: []float64{.0005, .001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5}}, []string{"route"}),
		keys: prometheus.NewCounterVec(prometheus.CounterOpts{Name: "leadflip_key_checks_total", Help: "API key checks by outcome: ok or the problem code."}, []string{"outcome"}),
	}
	build := prometheus.NewGauge(prometheus.GaugeOpts{Name: "leadflip_build_info", Help: "Always 1; the version is a label.", ConstLabels: prometheus.Labels{"version": version}})
	build.Set(1)
	m.registry.MustRegister(m.requests, m.seconds, m.keys, build, collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	return m
}

// Request counts one answered request.
func (m *Metrics) Request(route string, status int, d time.Duration) {
	if route == "" {
		route = "none"
	}
	f, ok := m.known.Load(series{route, status})
	if !ok {
		f, _ = m.known.LoadOrStore(series{route, status}, &figures{m.requests.WithLabelValues(route, strconv.Itoa(status)), m.seconds.WithLabelValues(route)})
	}
	f.(*figures).requests.Inc()
	f.(*figures).seconds.Observe(d.Seconds())
}

// KeyCheck counts one check of an API key.
func (m *Metrics) KeyCheck(outcome string) { m.keys.WithLabelValues(outcome).Inc() }

// Gauge adds a figure that is read when the metrics are.
func (m *Metrics) Gauge(name, help string, read func() float64) {
	m.registry.MustRegister(prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: name, Help: help}, read))
}

// Handler serves the metrics in the Prometheus text format.
func (m *Metrics) Handler() http.Handler {
	return promhttp.HandlerFor(m.registry, promhttp.HandlerOpts{})
}
