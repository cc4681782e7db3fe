"""The files for TF Serving and Kubernetes that the documentation shows."""

import re

import yaml
from google.protobuf import text_format

from tests.documentation import ROOT

YAML = (ROOT / "docs/kubernetes/deeplab.yaml").read_text()
SERVING = (ROOT / "docs/serving.md").read_text()


def objects():
    return {part["kind"]: part for part in yaml.safe_load_all(YAML)}


def container():
    (found,) = objects()["Deployment"]["spec"]["template"]["spec"]["containers"]
    return found


def batching(text):
    """The numbers of a batching.config, of whose message no package has the class."""
    return {name: int(value) for name, value in re.findall(r"(\w+) \{ value: (\d+) \}", text)}


def test_parts_of_the_manifest_name_each_other():
    found = objects()
    assert set(found) == {"Deployment", "ConfigMap", "Service"}
    template = found["Deployment"]["spec"]["template"]
    labels = template["metadata"]["labels"]
    assert found["Deployment"]["spec"]["selector"]["matchLabels"].items() <= labels.items()
    assert found["Service"]["spec"]["selector"].items() <= labels.items()
    volumes = {volume["name"]: volume for volume in template["spec"]["volumes"]}
    mounts = {mount["name"]: mount["mountPath"] for mount in container()["volumeMounts"]}
    assert set(volumes) == set(mounts)
    assert volumes["config"]["configMap"]["name"] == found["ConfigMap"]["metadata"]["name"]
    ports = {port["name"]: port["containerPort"] for port in container()["ports"]}
    assert ports == {"grpc": 8500, "rest": 8501}
    assert {port["targetPort"] for port in found["Service"]["spec"]["ports"]} == set(ports)
    files = re.findall(r"_file=/config/(\S+)", " ".join(container()["args"]))
    assert set(files) == set(found["ConfigMap"]["data"])
    (name,) = (row["value"] for row in container()["env"] if row["name"] == "MODEL_NAME")
    for probe in ("startupProbe", "readinessProbe"):
        assert container()[probe]["httpGet"]["path"] == f"/v1/models/{name}"


def test_one_image_and_the_same_limits_everywhere():
    shown = (ROOT / "README.md").read_text() + SERVING + YAML
    assert len(set(re.findall(r"tensorflow/serving:([\d.]+)", shown))) == 1
    (block,) = re.findall(r"^# EXPORT/batching.config.*?^```$", SERVING, re.S | re.M)
    assert batching(block) == batching(objects()["ConfigMap"]["data"]["batching.config"]) != {}
    assert objects()["ConfigMap"]["data"]["monitoring.config"].strip() in SERVING


def test_models_config_is_one():
    from tensorflow_serving.config import model_server_config_pb2

    (text,) = re.findall(r"^(model_config_list \{.*?)^```$", SERVING, re.S | re.M)
    parsed = text_format.Parse(text, model_server_config_pb2.ModelServerConfig())
    (config,) = parsed.model_config_list.config
    assert (config.name, dict(config.version_labels)) == ("deeplab", {"stable": 1, "canary": 2})
    assert list(config.model_version_policy.specific.versions) == [1, 2]
