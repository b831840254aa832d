package harness

import (
	"bytes"
	"context"
	"io"
	"net"
	"os/exec"
	"sync"
	"syscall"
	"time"
)

// Program is a process that was started here. Whoever starts one ends it.
type Program struct {
	command *exec.Cmd
	output  output
	done    chan struct{}
}

// running are all programs that have not ended.
var running sync.Map

// KillAll ends every program that was started here by SIGKILL: for a process that has to end itself at once.
func KillAll() {
	for program := range running.Range {
		program.(*Program).Kill()
	}
}

// outputWithin is how long the output of a program that has ended may be kept open by what it started itself.
const outputWithin = 5 * time.Second

// Start starts a program with the given environment and no other; what it writes goes to copies too. It is not in this
// process's group: Ctrl-C on a terminal reaches the latter alone, which then ends its programs in its own order.
func Start(path string, args, environment []string, copies ...io.Writer) (*Program, error) {
	p := &Program{command: exec.Command(path, args...), done: make(chan struct{})}
	p.command.Env = append([]string{}, environment...) // Nil would pass this process's environment on.
	p.command.Stdout = io.MultiWriter(append([]io.Writer{&p.output}, copies...)...)
	p.command.Stderr = p.command.Stdout
	p.command.WaitDelay = outputWithin
	p.command.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := p.command.Start(); err != nil {
		return nil, err
	}
	running.Store(p, nil)
	go func() {
		defer close(p.done)
		defer running.Delete(p)
		_ = p.command.Wait() // ExitCode tells.
	}()
	return p, nil
}

// FreeAddress is one of this machine that nobody listens at now.
func FreeAddress(ctx context.Context) (string, error) {
	var config net.ListenConfig
	listener, err := config.Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	return listener.Addr().String(), listener.Close()
}

// Done is closed when the program has ended and its output is complete.
func (p *Program) Done() <-chan struct{} { return p.done }

// ExitCode waits for the end of the program; -1 means that a signal ended it.
func (p *Program) ExitCode() int {
	<-p.done
	return p.command.ProcessState.ExitCode()
}

// Signal sends a signal, unless the program has ended.
func (p *Program) Signal(signal syscall.Signal) { _ = p.command.Process.Signal(signal) }

// Kill ends the program by SIGKILL and waits for that.
func (p *Program) Kill() {
	p.Signal(syscall.SIGKILL)
	<-p.done
}

// Stop asks the program to end, and kills it when it takes longer than that.
func (p *Program) Stop(within time.Duration) {
	p.Signal(syscall.SIGTERM)
	select {
	case <-p.done:
	case <-time.After(within):
		p.Kill()
	}
}

// Output is everything that the program wrote so far.
func (p *Program) Output() string { return p.output.String() }

// output may be read while it is written.
type output struct {
	mu     sync.Mutex
	buffer bytes.Buffer
}

func (o *output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.buffer.Write(p)
}

func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.buffer.String()
}
