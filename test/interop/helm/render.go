// Renders a chart's templates with Go's text/template and sprig, as helm does, with helm's own toYaml, include and fail.
package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"strings"
	"text/template"

	"github.com/Masterminds/sprig"
	"gopkg.in/yaml.v3"
)

func main() {
	var root map[string]interface{}
	if err := json.NewDecoder(os.Stdin).Decode(&root); err != nil {
		panic(err)
	}
	t := template.New("chart").Option("missingkey=zero")
	f := sprig.TxtFuncMap()
	f["toYaml"] = func(v interface{}) string {
		var b bytes.Buffer
		e := yaml.NewEncoder(&b)
		e.SetIndent(2)
		if err := e.Encode(v); err != nil {
			panic(err)
		}
		return strings.TrimSuffix(b.String(), "\n")
	}
	f["include"] = func(name string, data interface{}) (string, error) {
		var b bytes.Buffer
		err := t.ExecuteTemplate(&b, name, data)
		return b.String(), err
	}
	f["fail"] = func(m string) (string, error) { return "", errors.New(m) }
	t.Funcs(f)
	for _, file := range os.Args[1:] {
		text, err := os.ReadFile(file)
		if err != nil {
			panic(err)
		}
		template.Must(t.New(file).Parse(string(text)))
	}
	for _, file := range os.Args[1:] {
		if strings.HasSuffix(file, ".tpl") {
			continue
		}
		var b bytes.Buffer
		if err := t.ExecuteTemplate(&b, file, root); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		fmt.Printf("---\n%s\n", b.String())
	}
}
