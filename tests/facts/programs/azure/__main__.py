"""Azure resources as programs declare them."""

import pulumi
from pulumi_azure_native import (
    compute,
    consumption,
    containerservice,
    devtestlab,
    monitor,
    network,
    resources,
    storage,
    storagecache,
)
from pulumi_azure_native import (
    machinelearningservices as ml,
)

elsewhere = pulumi.StackReference("org/network/prod")
tags = {"team": "nlp"}

here = resources.ResourceGroup("here", location="West Europe")
default = resources.ResourceGroup("default")
named = resources.ResourceGroup("named", resource_group_name="rg-ml", location="eastus")


def machine(name, size, group=here, **more):
    return compute.VirtualMachine(name, resource_group_name=group.name, hardware_profile={"vm_size": size}, **more)


gpu = machine("gpu", "Standard_NC24ads_A100_v4", tags=tags, zones=["1"])
machine("spot", "Standard_NV6ads_A10_v5", priority="Spot", eviction_policy="Deallocate", location=here.location)
machine("of-provider", "Standard_D4s_v5", group=default)
machine("of-group-of-provider", "Standard_D4s_v5", group=default, location=default.location)
machine("elsewhere", "Standard_D4s_v5", location="Sweden Central")
compute.VirtualMachine("by-name", resource_group_name="rg-ml", hardware_profile={"vm_size": "Standard_D4s_v5"})
compute.VirtualMachine("foreign", resource_group_name="rg-other", hardware_profile={"vm_size": "Standard_D4s_v5"})
machine("later", elsewhere.get_output("size"))
nightly = machine("nightly", "Standard_NC4as_T4_v3")
devtestlab.GlobalSchedule("nightly-stop", resource_group_name=here.name, target_resource_id=nightly.id, status="Enabled",
                          task_type="ComputeVmShutdownTask", daily_recurrence={"time": "1900"}, time_zone_id="UTC")  # fmt: skip
reservations = compute.CapacityReservationGroup("reservations", resource_group_name=here.name)
compute.CapacityReservation("reservation", resource_group_name=here.name, capacity_reservation_group_name=reservations.name,
                            sku={"name": "Standard_ND96isr_H100_v5", "capacity": 2})  # fmt: skip
machine("reserved", "Standard_ND96isr_H100_v5",
        capacity_reservation={"capacity_reservation_group": {"id": reservations.id}})  # fmt: skip
data = compute.Disk("data", resource_group_name=here.name, creation_data={"create_option": "Empty"}, disk_size_gb=500,
                    sku={"name": "Premium_LRS"}, location="eastus")  # fmt: skip
compute.Disk("forgotten", resource_group_name=here.name, creation_data={"create_option": "Empty"}, disk_size_gb=100,
             sku={"name": "StandardSSD_LRS"})  # fmt: skip
compute.Disk("cold", resource_group_name=here.name, creation_data={"create_option": "Empty"}, disk_size_gb=8,
             sku={"name": "Standard_LRS"})  # fmt: skip
compute.Disk("raised", resource_group_name=here.name, creation_data={"create_option": "Empty"}, disk_size_gb=128,
             sku={"name": "Premium_LRS"}, tier="P30")  # fmt: skip
compute.Disk("fast", resource_group_name=here.name, creation_data={"create_option": "Empty"}, disk_size_gb=256,
             sku={"name": "PremiumV2_LRS"}, disk_iops_read_write=5000, disk_m_bps_read_write=200)  # fmt: skip
compute.Snapshot("copy", resource_group_name=here.name, incremental=True,
                 creation_data={"create_option": "Copy", "source_resource_id": data.id})  # fmt: skip
machine("with-disks", "Standard_NC24ads_A100_v4", storage_profile={
    "os_disk": {"create_option": "FromImage", "disk_size_gb": 128, "managed_disk": {"storage_account_type": "Premium_LRS"}},
    "data_disks": [{"lun": 0, "create_option": "Empty", "disk_size_gb": 1024, "managed_disk": {"storage_account_type": "StandardSSD_LRS"}},
                   {"lun": 1, "create_option": "Attach", "managed_disk": {"id": data.id}}],
})  # fmt: skip
machine("ephemeral", "Standard_D4ds_v5", storage_profile={
    "os_disk": {"create_option": "FromImage", "disk_size_gb": 30, "diff_disk_settings": {"option": "Local"}},
})  # fmt: skip


def scale_set(name, **more):
    return compute.VirtualMachineScaleSet(name, resource_group_name=here.name, **more)


fleet = scale_set("fleet", sku={"name": "Standard_NC8as_T4_v3", "capacity": 3}, tags=tags,
                  virtual_machine_profile={"priority": "Spot"})  # fmt: skip
monitor.AutoscaleSetting(
    "fleet-scale", resource_group_name=here.name, enabled=True, target_resource_uri=fleet.id,
    profiles=[{"name": "day", "rules": [], "capacity": {"minimum": "1", "maximum": "8", "default": "2"}},
              {"name": "night", "rules": [], "capacity": {"minimum": "0", "maximum": "2", "default": "0"}}],
)  # fmt: skip
scale_set("fixed", sku={"name": "Standard_D8s_v5", "capacity": 4})
scale_set("mixed", orchestration_mode="Flexible", sku={"name": "Standard_D8s_v5", "capacity": 10},
          virtual_machine_profile={"priority": "Spot"},
          priority_mix_policy={"base_regular_priority_count": 2, "regular_priority_percentage_above_base": 25})  # fmt: skip
scale_set("many-sizes", orchestration_mode="Flexible", sku={"name": "Mix", "capacity": 2},
          sku_profile={"vm_sizes": [{"name": "Standard_D8s_v5"}, {"name": "Standard_NC8as_T4_v3"}]})  # fmt: skip

cluster = containerservice.ManagedCluster(
    "cluster", resource_group_name=here.name, sku={"name": "Base", "tier": "Standard"}, tags=tags,
    auto_scaler_profile={"scale_down_unneeded_time": "20m"},
    agent_pool_profiles=[
        {"name": "system", "mode": "System", "vm_size": "Standard_D4s_v5", "count": 2},
        {"name": "gpu", "vm_size": "Standard_NC24ads_A100_v4", "enable_auto_scaling": True, "min_count": 0, "max_count": 4,
         "count": 1, "scale_set_priority": "Spot"},
    ],
)  # fmt: skip
containerservice.ManagedCluster("bare", resource_group_name=here.name, location="eastus")
containerservice.AgentPool("pool", resource_group_name=here.name, resource_name_=cluster.name, vm_size="Standard_NC6s_v3",
                           enable_auto_scaling=True, min_count=1, max_count=5, scale_set_priority="Spot")  # fmt: skip
containerservice.AgentPool("pool-fixed", resource_group_name=named.name, resource_name_="other", count=3, min_count=1,
                           max_count=9, vm_size="Standard_D4s_v5", tags=tags)  # fmt: skip
containerservice.AgentPool("pool-open", resource_group_name=here.name, resource_name_=cluster.name)

workspace = ml.Workspace("workspace", resource_group_name=here.name, tags=tags)


def compute_of(name, properties, **more):
    return ml.Compute(name, resource_group_name=here.name, workspace_name=workspace.name, properties=properties, **more)


compute_of("notebook", ml.ComputeInstanceArgs(compute_type="ComputeInstance", properties=ml.ComputeInstancePropertiesArgs(
    vm_size="Standard_NC24ads_A100_v4", idle_time_before_shutdown="PT30M")), tags=tags)  # fmt: skip
compute_of("notebook-office", ml.ComputeInstanceArgs(compute_type="ComputeInstance", properties=ml.ComputeInstancePropertiesArgs(
    vm_size="Standard_NC4as_T4_v3", schedules={"compute_start_stop": [
        {"action": "Start", "trigger_type": "Cron", "cron": {"expression": "0 8 * * 1-5"}},
        {"action": "Stop", "trigger_type": "Cron", "cron": {"expression": "0 18 * * 1-5"}},
    ]})))  # fmt: skip
compute_of("notebook-open", {"computeType": "ComputeInstance", "properties": {"vmSize": "Standard_NC4as_T4_v3"}})
compute_of("training", ml.AmlComputeArgs(compute_type="AmlCompute", properties=ml.AmlComputePropertiesArgs(
    vm_size="Standard_ND96isr_H100_v5", vm_priority="LowPriority",
    scale_settings={"min_node_count": 0, "max_node_count": 4, "node_idle_time_before_scale_down": "PT120S"})))  # fmt: skip
compute_of("attached", ml.AKSArgs(compute_type="AKS", resource_id=cluster.id))
endpoint = ml.OnlineEndpoint("endpoint", resource_group_name=here.name, workspace_name=workspace.name,
                             properties={"auth_mode": "Key"})  # fmt: skip
ml.OnlineDeployment(
    "serving", resource_group_name=here.name, workspace_name=workspace.name, endpoint_name=endpoint.name,
    properties=ml.ManagedOnlineDeploymentArgs(
        endpoint_compute_type="Managed", instance_type="Standard_NC24ads_A100_v4", model="azureml:m:1",
        scale_settings=ml.TargetUtilizationScaleSettingsArgs(scale_type="TargetUtilization", min_instances=1, max_instances=3)),
    sku={"name": "Default", "capacity": 2},
)  # fmt: skip
ml.OnlineDeployment(
    "serving-default", resource_group_name=here.name, workspace_name=workspace.name, endpoint_name=endpoint.name,
    properties=ml.ManagedOnlineDeploymentArgs(endpoint_compute_type="Managed"),
    sku={"name": "Default", "capacity": 1},
)  # fmt: skip
ml.OnlineDeployment(
    "serving-kubernetes", resource_group_name=here.name, workspace_name=workspace.name, endpoint_name=endpoint.name,
    properties=ml.KubernetesOnlineDeploymentArgs(endpoint_compute_type="Kubernetes"),
)  # fmt: skip

account = storage.StorageAccount("account", resource_group_name=here.name, kind="StorageV2", access_tier="Cool",
                                 sku={"name": "Standard_ZRS"}, tags=tags)  # fmt: skip
storage.StorageAccount("account-open", resource_group_name=here.name, kind="StorageV2", sku={"name": "Standard_LRS"})
premium = storage.StorageAccount(
    "account-files", resource_group_name=here.name, kind="FileStorage", sku={"name": "Premium_LRS"}
)
after = "days_after_modification_greater_than"
storage.ManagementPolicy("policy", resource_group_name=here.name, account_name=account.name, policy={"rules": [
    {"name": "old", "type": "Lifecycle", "definition": {"actions": {
        "base_blob": {"tier_to_cool": {after: 30}, "tier_to_archive": {after: 90}, "delete": {after: 365}},
        "version": {"delete": {"days_after_creation_greater_than": 60}}}}},
    {"name": "off", "type": "Lifecycle", "enabled": False, "definition": {"actions": {"base_blob": {"delete": {after: 7}}}}},
]})  # fmt: skip
storage.BlobServiceProperties("service", resource_group_name=here.name, account_name=account.name,
                              is_versioning_enabled=True, blob_services_name="default")  # fmt: skip
storage.BlobContainer("container", resource_group_name=here.name, account_name=account.name)
storage.FileShare("share", resource_group_name=here.name, account_name=premium.name, share_quota=1024)
storagecache.AmlFilesystem("scratch", resource_group_name=here.name, storage_capacity_ti_b=16, filesystem_subnet="subnet",
                           sku={"name": "AMLFS-Durable-Premium-250"}, zones=["1"],
                           maintenance_window={"day_of_week": "Friday", "time_of_day_utc": "22:00"})  # fmt: skip
network.NatGateway("nat", resource_group_name=here.name, sku={"name": "Standard"})
network.PublicIPAddress("address", resource_group_name=here.name, public_ip_allocation_method="Static")
consumption.Budget("budget", scope=here.id, amount=100, category="Cost", time_grain="Monthly",
                   time_period={"start_date": "2026-11-01T00:00:00Z"})  # fmt: skip
