// Command kubernetes holds every server of a Kubernetes cluster in one executable: etcd,
// kube-apiserver, kube-controller-manager, kube-scheduler and kubelet. Its first argument says which
// one to be, the rest are that server's own arguments.
//
// It exists because the servers can be had as Go modules wherever Go is, without a container engine
// and without a download besides the module proxy's; and because linking what they share once keeps
// the whole at 130 MB.
package main

import (
	"context"
	"fmt"
	"os"

	"github.com/spf13/cobra"
	"go.etcd.io/etcd/server/v3/etcdmain"
	"k8s.io/component-base/cli"
	// What the servers' own main packages import for its effect.
	_ "k8s.io/component-base/logs/json/register"
	_ "k8s.io/component-base/metrics/prometheus/clientgo"
	_ "k8s.io/component-base/metrics/prometheus/version"
	apiserver "k8s.io/kubernetes/cmd/kube-apiserver/app"
	controllermanager "k8s.io/kubernetes/cmd/kube-controller-manager/app"
	scheduler "k8s.io/kubernetes/cmd/kube-scheduler/app"
	kubelet "k8s.io/kubernetes/cmd/kubelet/app"
)

func command(server string) *cobra.Command {
	switch server {
	case "kube-apiserver":
		return apiserver.NewAPIServerCommand()
	case "kube-controller-manager":
		return controllermanager.NewControllerManagerCommand()
	case "kube-scheduler":
		return scheduler.NewSchedulerCommand()
	case "kubelet":
		return kubelet.NewKubeletCommand(context.Background())
	}
	return nil
}

func main() {
	if len(os.Args) < 2 {
		fmt.Fprintln(os.Stderr, "usage: kubernetes SERVER [ARGUMENT]...")
		os.Exit(2)
	}
	// Both etcd and cobra read the global arguments.
	os.Args = os.Args[1:]
	server := os.Args[0]
	if server == "etcd" {
		etcdmain.Main(os.Args)
		return
	}
	chosen := command(server)
	if chosen == nil {
		fmt.Fprintln(os.Stderr, "no such server:", server)
		os.Exit(2)
	}
	os.Exit(cli.Run(chosen))
}
