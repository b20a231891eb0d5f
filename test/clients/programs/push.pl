# push.pl HOST:PORT push|add|delete
use strict;
use warnings;
use HTTP::Tiny;
use Net::Prometheus;

my ($gateway, $action) = @ARGV;
my $client = Net::Prometheus->new(disable_process_collector => 1, disable_perl_collector => 1);

if ($action eq "push") {
    $client->new_gauge(name => "client_temperature_celsius", help => "A gauge.", labels => ["room"])->labels("cellar")->set(21.5);
    $client->new_counter(name => "client_runs_total", help => "A counter.")->inc(3);
    $client->new_histogram(name => "client_seconds", help => "A histogram.", buckets => [0.1, 1])->observe(0.05);
}
if ($action eq "add") {
    $client->new_gauge(name => "client_added", help => "Another gauge.")->set(2);
}

my %method = (push => "PUT", add => "POST", delete => "DELETE");
my $url = "http://$gateway/metrics/job/nightly/instance/host1";
my $response = HTTP::Tiny->new->request($method{$action}, $url, $action eq "delete" ? {} : { content => $client->render });
die "$response->{status} $response->{content}" unless $response->{success};
