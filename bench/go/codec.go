// Measures Go's expfmt, by which the Go Pushgateway reads and writes the text format: MB/s of text.
//
//	codec MILLISECONDS FOLDER
//
// The files of the folder are bodies of pushes. Prints {"parse", "encode"}.
package main

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"strconv"
	"time"

	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"
)

type speeds struct {
	Parse  float64 `json:"parse"`
	Encode float64 `json:"encode"`
}

func main() {
	milliseconds, err := strconv.Atoi(os.Args[1])
	must(err)
	must(json.NewEncoder(os.Stdout).Encode(measure(os.Args[2], time.Duration(milliseconds)*time.Millisecond)))
}

func measure(folder string, duration time.Duration) speeds {
	files, err := filepath.Glob(filepath.Join(folder, "*"))
	must(err)
	var bodies [][]byte
	var trees []map[string]*dto.MetricFamily
	for _, file := range files {
		body, err := os.ReadFile(file)
		must(err)
		bodies = append(bodies, body)
		trees = append(trees, parse(body))
	}
	var out bytes.Buffer
	return speeds{
		Parse: megabytesPerSecond(duration, func() (size int) {
			for _, body := range bodies {
				parse(body)
				size += len(body)
			}
			return size
		}),
		Encode: megabytesPerSecond(duration, func() (size int) {
			for _, tree := range trees {
				out.Reset()
				encoder := expfmt.NewEncoder(&out, expfmt.FmtText)
				for _, family := range tree {
					must(encoder.Encode(family))
				}
				size += out.Len()
			}
			return size
		}),
	}
}

func parse(body []byte) map[string]*dto.MetricFamily {
	var parser expfmt.TextParser
	families, err := parser.TextToMetricFamilies(bytes.NewReader(body))
	must(err)
	return families
}

// Repeats the work for the time given, after a quarter of it as warm-up.
func megabytesPerSecond(duration time.Duration, work func() int) float64 {
	for begin := time.Now(); time.Since(begin) < duration/4; {
		work()
	}
	size := 0
	begin := time.Now()
	for time.Since(begin) < duration {
		size += work()
	}
	return float64(size) / time.Since(begin).Seconds() / 1e6
}

func must(err error) {
	if err != nil {
		panic(err)
	}
}
