use super::*;
use crate::config::{Cluster, Endpoint, Listener, Route};
use crate::ids::ClusterId;
use alloc::format;
use alloc::string::String;

fn addr(port: u16) -> core::net::SocketAddr {
    ([127, 0, 0, 1], port).into()
}

/// One listener for each port, and clusters of these names with endpoints at these ports.
fn config(listeners: &[u16], clusters: &[(&str, &[u16])]) -> Config {
    let simple = Config::simple(addr(1), &[]);
    let cluster = |(name, ports): &(&str, &[u16])| Cluster {
        name: (*name).into(),
        endpoints: ports
            .iter()
            .map(|port| Endpoint { addr: addr(*port), weight: 1, max_connections: None })
            .collect(),
        ..simple.clusters[0].clone()
    };
    let route = |(id, (name, _)): (ClusterId, &(&str, &[u16]))| Route {
        path: format!("/{name}"),
        cluster: id,
        ..simple.routes[0].clone()
    };
    Config {
        listeners: listeners
            .iter()
            .map(|port| Listener { name: format!("on {port}"), bind: addr(*port) })
            .collect(),
        routes: (0..).map(ClusterId).zip(clusters).map(route).collect(),
        clusters: clusters.iter().map(cluster).collect(),
        ..simple.clone()
    }
}

/// Each endpoint with its id: `web/127.0.0.1:1 = 0`.
fn endpoints(plan: &Plan) -> Vec<String> {
    let told =
        |endpoint: &EndpointName| format!("{}/{} = {}", endpoint.cluster.name, endpoint.text, endpoint.id.0);
    plan.endpoints().map(|(endpoint, _)| told(endpoint)).collect()
}

#[test]
fn the_first_plan_numbers_things_in_the_order_of_the_configuration() {
    let plan = Plan::new(config(&[80, 81], &[("web", &[1, 2]), ("api", &[1])])).unwrap();
    assert_eq!(plan.generation(), 0);
    assert_eq!(endpoints(&plan), ["web/127.0.0.1:1 = 0", "web/127.0.0.1:2 = 1", "api/127.0.0.1:1 = 2"]);
    assert_eq!(plan.listener(ListenerId(1)).unwrap().bind, addr(81));
    assert_eq!(plan.listener(ListenerId(2)), None);
    let ids: Vec<_> = plan.clusters().map(|(cluster, _)| cluster.id).collect();
    assert_eq!(ids, [ClusterId(0), ClusterId(1)]);
}

#[test]
fn what_stays_keeps_its_id_and_no_id_is_given_twice() {
    let first = Plan::new(config(&[80, 81], &[("web", &[1, 2]), ("api", &[1])])).unwrap();
    let second =
        first.following(config(&[81, 82], &[("new", &[1]), ("api", &[3, 1]), ("web", &[2])])).unwrap();
    assert_eq!(second.generation(), 1);
    assert_eq!(
        endpoints(&second),
        ["new/127.0.0.1:1 = 3", "api/127.0.0.1:3 = 4", "api/127.0.0.1:1 = 2", "web/127.0.0.1:2 = 1"]
    );
    let listeners: Vec<_> = second.listeners().map(|listener| (listener.id, listener.bind)).collect();
    assert_eq!(listeners, [(ListenerId(1), addr(81)), (ListenerId(2), addr(82))]);
    let third = second.following(config(&[80], &[("web", &[1, 2])])).unwrap();
    assert_eq!(endpoints(&third), ["web/127.0.0.1:1 = 5", "web/127.0.0.1:2 = 1"], "0 was given before");
    assert_eq!(third.listeners().map(|listener| listener.id).collect::<Vec<_>>(), [ListenerId(3)]);
}

#[test]
fn a_route_leads_to_the_cluster_that_it_names_wherever_that_stands() {
    let first = Plan::new(config(&[80], &[("web", &[1])])).unwrap();
    let second = first.following(config(&[80], &[("api", &[2]), ("web", &[1])])).unwrap();
    let cluster =
        |path: &str| second.find(b"", path.as_bytes()).unwrap()?.matched.as_ref().map(|it| it.cluster.id);
    assert_eq!(cluster("/web"), Some(ClusterId(0)));
    assert_eq!(cluster("/api"), Some(ClusterId(1)));
    assert_eq!(cluster("/"), None);
}

#[test]
fn rules_say_what_was_configured_and_outlive_their_plan() {
    let mut configured = config(&[80], &[("web", &[1])]);
    configured.routes[0].request_body_max = Some(7);
    let plan = Plan::new(configured).unwrap();
    let rules = Arc::clone(plan.find(b"", b"/web").unwrap().unwrap());
    drop(plan);
    assert_eq!((rules.request_body_max, rules.generation, rules.route()), (Some(7), 0, Some(RouteId(0))));
    assert_eq!(rules.matched.as_ref().unwrap().name, "*/web");
}

#[test]
fn plans_differ_in_their_digest_by_what_came_before() {
    let digest = |plan: &Plan| {
        let mut digest = Digest::default();
        plan.hash(&mut digest);
        digest.finish()
    };
    let (web, api) = (config(&[80], &[("web", &[1])]), config(&[80], &[("api", &[1])]));
    let first = Plan::new(web.clone()).unwrap();
    assert_eq!(digest(&first), digest(&Plan::new(web.clone()).unwrap()));
    assert_ne!(digest(&first), digest(&Plan::new(api.clone()).unwrap()));
    let again = first.following(web.clone()).unwrap();
    let after_another = Plan::new(api).unwrap().following(web).unwrap();
    assert_ne!(digest(&again), digest(&first));
    assert_ne!(digest(&again), digest(&after_another));
}

#[test]
fn two_things_that_nothing_tells_apart_are_refused() {
    let error = |listeners, clusters| Plan::new(config(listeners, clusters)).unwrap_err();
    assert_eq!(error(&[80, 81, 80], &[]), ConfigError::ListenerTwice { listeners: [0, 2] });
    assert_eq!(error(&[], &[("web", &[1]), ("api", &[1, 2, 1])]), {
        ConfigError::EndpointTwice { cluster: 1, addr: addr(1) }
    });
    let mut twins = config(&[], &[("web", &[1]), ("api", &[1])]);
    twins.clusters[1].name = "web".into();
    assert_eq!(Plan::new(twins).unwrap_err(), ConfigError::ClusterTwice { clusters: [0, 1] });
}
